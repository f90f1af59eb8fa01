"""Holds: freeze, maintenance and quarantine, of all hosts, of a pattern, or of one envoy; until a time.

One hold of a kind there is for each target: a newer one takes its place. One whose time is over holds nobody from that
moment on; `end` then takes it away, with an audit entry. Whoever changes a hold over the API is answered when the loop
knows of it (`told`): what is frozen by then moves no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from api.services import envoys
from api.services.work import Work
from api.storage import holds as rows
from api.storage import revisions as revision_rows
from reconciler.graph import patterns
from reconciler.holds import FOR_EVER, Holds, Pass, ends
from schema.access import Permission
from schema.errors import Conflict, Invalid, NotFound
from schema.holds import MAX_HOLDS, BreakGlass, Freeze, Frozen, Hold, HoldCreate, HoldKind, HoldList, Until
from schema.ids import new_id

if TYPE_CHECKING:
    from api.services.container import Services

CHANGED: Final = "hold.changed"
"""What is announced of a hold or a permission that came, went or changed."""


class HoldNotFound(NotFound):
    """There is no such hold."""

    code = "holds.not_found"


class BadHold(Invalid):
    """A time that is over, or no pattern of host names."""

    code = "holds.bad_hold"


class TooManyHolds(Conflict):
    """No more holds fit."""

    code = "holds.too_many"


def listed(work: Work) -> HoldList:
    """What holds hosts now, and the permissions that are on."""
    return HoldList(holds=_in_force(work), break_glass=glasses_on(work))


def snapshot(work: Work) -> Holds:
    """All holds, and what goes through them as things are: for the loop, and for whoever asks about hosts."""
    revision = revision_rows.in_force(work.session, work.project_id)
    passes: list[Pass] = []
    for glass in glasses_on(work):
        commits = {glass.commit} if glass.commit is not None else set()
        if revision is not None and is_by(revision.author, glass.author):
            commits.add(revision.commit)
        passes += [Pass(commit, glass.match, glass.until) for commit in sorted(commits)]
    return Holds(rows.page(work.session, work.project_id), passes)


def glasses_on(work: Work) -> list[BreakGlass]:
    """The permissions that are on now, the newest first."""
    return [glass for glass in glasses_not_ended(work) if glass.until > work.now]


def glasses_not_ended(work: Work) -> list[BreakGlass]:
    """The permissions that are on, and those whose time is over and that `break_glass.end` has not ended yet."""
    return rows.glasses_on(work.session, work.project_id)


def is_by(author: str, address: str) -> bool:
    """Whether a commit's author, as revisions have it, is whoever has this address; the empty one is nobody's."""
    return bool(address) and author.lower().endswith(f"<{address.lower()}>")


def put(work: Work, new: HoldCreate) -> Hold:
    """Hold hosts from now on, in place of what held the same ones in the same way.

    Raises:
        BadHold, TooManyHolds, envoys.EnvoyNotFound
        NotAllowed: a freeze needs the right to publish.
    """
    if new.kind is HoldKind.FREEZE:
        work.require(Permission.CONFIG_PUBLISH)
    else:
        work.require(Permission.FLEET_WRITE)
    if new.until is not None and new.until <= work.now:
        raise BadHold("`until` is over already")
    match = checked(new.match)
    envoy = envoys.known(work, new.envoy) if new.envoy is not None else None
    if envoy is not None and envoy.revoked_at is not None:
        raise envoys.EnvoyNotFound("there is no such envoy")
    there = rows.page(work.session, work.project_id)
    hold = Hold(
        id=new_id(),
        kind=new.kind,
        match=match,
        envoy_id=envoy.id if envoy is not None else None,
        hostname=envoy.hostname if envoy is not None else None,
        until=new.until,
        reason=new.reason,
        created_at=work.now,
        created_by=work.actor.name,
    )
    before = [each.id for each in there if _target(each) == _target(hold)]
    if len(there) - len(before) >= MAX_HOLDS:
        raise TooManyHolds(f"there are {MAX_HOLDS} holds already")
    rows.remove(work.session, work.project_id, before)
    rows.add(work.session, work.project_id, hold)
    work.audit("hold.set", "hold", hold.id, payload=_told(hold) | ({"replaces": before[0]} if before else {}))
    work.publish(CHANGED, id=hold.id)
    return hold


def freeze(work: Work, new: Freeze) -> Frozen:
    """Freeze all hosts, or those of a pattern. Answers what is frozen then.

    Raises:
        BadHold, TooManyHolds, NotAllowed
    """
    put(work, HoldCreate(kind=HoldKind.FREEZE, match=new.match, until=new.freeze_until, reason=new.reason))
    return frozen(work)


def unfreeze(work: Work, match: str | None = None) -> Frozen:
    """Take off every freeze, or the one of a pattern. Answers what is frozen still.

    Raises:
        HoldNotFound: there is none of this pattern.
        BadHold, NotAllowed
    """
    there = [hold for hold in rows.page(work.session, work.project_id) if hold.kind is HoldKind.FREEZE]
    pattern = checked(match)
    chosen = there if match is None else [hold for hold in there if hold.match == pattern]
    if match is not None and not chosen:
        raise HoldNotFound("no freeze has this pattern")
    _lift(work, chosen)
    return frozen(work)


def frozen(work: Work) -> Frozen:
    """What is frozen now."""
    there = [hold for hold in _in_force(work) if hold.kind is HoldKind.FREEZE]
    last = max((ends(hold) for hold in there), default=FOR_EVER)
    return Frozen(frozen=bool(there), freeze_until=None if last == FOR_EVER else last, holds=there)


def hold_envoy(work: Work, key: str, kind: HoldKind, new: Until) -> Hold:
    """Hold one envoy (id or hostname).

    Raises:
        BadHold, TooManyHolds, envoys.EnvoyNotFound, NotAllowed
    """
    return put(work, HoldCreate(kind=kind, envoy=key, until=new.until, reason=new.reason))


def release_envoy(work: Work, key: str, kind: HoldKind) -> None:
    """Take off what holds one envoy in this way; called again, it changes nothing. Holds of patterns stay.

    Raises:
        envoys.EnvoyNotFound, NotAllowed
    """
    envoy = envoys.known(work, key)
    there = rows.page(work.session, work.project_id)
    _lift(work, [hold for hold in there if hold.envoy_id == envoy.id and hold.kind is kind])


def lift(work: Work, hold_id: str) -> None:
    """Take off one hold.

    Raises:
        HoldNotFound, NotAllowed
    """
    there = [hold for hold in rows.page(work.session, work.project_id) if hold.id == hold_id]
    if not there:
        raise HoldNotFound("there is no such hold")
    _lift(work, there)


def end(work: Work) -> int:
    """Take away the holds whose time is over; how many there were. For the worker that wakes when one ends."""
    over = [hold for hold in rows.page(work.session, work.project_id) if ends(hold) <= work.now]
    if over:
        rows.remove(work.session, work.project_id, [hold.id for hold in over])
        for hold in over:
            work.audit("hold.end", "hold", hold.id, payload=_told(hold))
        work.publish(CHANGED)
    return len(over)


async def told(services: Services) -> None:
    """Return when the loop knows of every hold that is stored by now."""
    if services.tell_holds is not None:
        await services.tell_holds()


def checked(match: str | None) -> str | None:
    """A pattern of host names; None for all of them.

    Raises:
        BadHold: it is none.
    """
    if match is None:
        return None
    try:
        return None if patterns.parse(match).is_everything else match
    except patterns.BadPattern as error:
        raise BadHold(f"`match`: {error}", hint=error.hint) from error


def _in_force(work: Work) -> list[Hold]:
    return [hold for hold in rows.page(work.session, work.project_id) if ends(hold) > work.now]


def _lift(work: Work, chosen: list[Hold]) -> None:
    for hold in chosen:
        work.require(Permission.CONFIG_PUBLISH if hold.kind is HoldKind.FREEZE else Permission.FLEET_WRITE)
        work.audit("hold.lift", "hold", hold.id, payload=_told(hold))
    if chosen:
        rows.remove(work.session, work.project_id, [hold.id for hold in chosen])
        work.publish(CHANGED)


def _target(hold: Hold) -> tuple[object, ...]:
    return hold.kind, hold.match, hold.envoy_id


def _told(hold: Hold) -> dict[str, object]:
    """What the audit log says of a hold."""
    return hold.model_dump(mode="json", exclude={"id", "created_at"}, exclude_none=True)

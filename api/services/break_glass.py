"""Break-glass: a permission that is on for a while, for a named commit or a named author, and is loud about it.

What it names goes through freezes, and through an approval that is missing; through a quarantine or a maintenance
nothing goes. Opening, each commit that goes through, and the end stand in the audit log; while one is on, the config's
status, every answer of the API and the metrics say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from api.services import holds, rollouts
from api.services.approvals import BREAK_GLASS
from api.services.work import Work
from api.storage import holds as rows
from api.storage import revisions as revision_rows
from api.storage import rollouts as rollout_rows
from schema.errors import Conflict, Invalid, NotFound
from schema.holds import MAX_GLASS, MAX_GLASSES, BreakGlass, BreakGlassList, BreakGlassOpen, HoldKind
from schema.ids import new_id
from schema.progress import FINISHED, WHOLE_PLAN, Approval
from schema.revisions import Revision
from schema.time import HOUR

MAX_LISTED: Final = 200
BY_TIME: Final = "time"
"""Who ends a permission that nobody closes."""
_COMMIT_CHARS: Final = frozenset({40, 64})


class BreakGlassNotFound(NotFound):
    """There is no such permission."""

    code = "holds.no_break_glass"


class BadBreakGlass(Invalid):
    """A permission that is on too long or not at all, for no known commit, or for no pattern of host names."""

    code = "holds.bad_break_glass"


class TooManyBreakGlasses(Conflict):
    """So many permissions are no exceptions."""

    code = "holds.too_many_break_glasses"


def page(work: Work) -> BreakGlassList:
    """Permissions, on and over, the newest first: the last 200."""
    return BreakGlassList(break_glass=rows.glasses(work.session, work.project_id, limit=MAX_LISTED))


def open_(work: Work, new: BreakGlassOpen) -> BreakGlass:
    """Let a commit, or the commits of an author, through freezes and missing approvals, for at most four hours.

    Raises:
        BadBreakGlass, TooManyBreakGlasses
    """
    if not work.now < new.until <= work.now + MAX_GLASS:
        raise BadBreakGlass(f"`until` is at most {MAX_GLASS // HOUR} hours from now")
    try:
        match = holds.checked(new.match)
    except holds.BadHold as error:
        raise BadBreakGlass(error.message, **error.details) from error
    if len(holds.glasses_on(work)) >= MAX_GLASSES:
        raise TooManyBreakGlasses(f"{MAX_GLASSES} permissions are on already")
    glass = BreakGlass(
        id=new_id(),
        commit=_commit(work, new.commit) if new.commit is not None else None,
        author=new.author or "",
        match=match,
        until=new.until,
        reason=new.reason,
        opened_at=work.now,
        opened_by=work.actor.name,
    )
    rows.add_glass(work.session, work.project_id, glass)
    work.audit("break_glass.open", "break_glass", glass.id, payload=_told(glass))
    work.publish("break_glass.opened", id=glass.id, until=glass.until, by=glass.opened_by)
    work.publish(holds.CHANGED)
    return glass


def close(work: Work, glass_id: str) -> None:
    """End a permission before its time; one that is over stays as it is.

    Raises:
        BreakGlassNotFound
    """
    glass = rows.find_glass(work.session, work.project_id, glass_id)
    if glass is None:
        raise BreakGlassNotFound("there is no such permission")
    if glass.ended_at is None:
        _end(work, glass, "break_glass.close", work.actor.name)


def end(work: Work, also: frozenset[str] = frozenset()) -> int:
    """End the permissions whose time is over; how many there were.

    Args:
        also: ids of those whose time is over by a clock that nobody moves.
    """
    there = rows.glasses_on(work.session, work.project_id)
    over = [glass for glass in there if glass.until <= work.now or glass.id in also]
    for glass in over:
        _end(work, glass, "break_glass.end", BY_TIME)
    return len(over)


def use_in_force(work: Work) -> int:
    """Tell of every permission by which the commit in force now goes through a freeze; how many had not been told."""
    revision = revision_rows.in_force(work.session, work.project_id)
    frozen = any(hold.kind is HoldKind.FREEZE for hold in holds.listed(work).holds)
    if revision is None or not frozen:
        return 0
    named = [each for each in holds.glasses_on(work) if _names(each, revision.commit, revision)]
    return sum(_use(work, glass, revision.commit, "freeze") for glass in named)


def use_for_approval(work: Work) -> int:
    """Give the rollout under way the approvals that it lacks, by a permission for its commit that is for all hosts; how
    many it got. They stand beside those of people, in the name of the permission."""
    rollout = rollouts.current(work)
    if rollout is None or rollout.plan is None or rollout.state in FINISHED:
        return 0
    needed = {wave.index: wave.approvals for wave in rollout.plan.waves}
    needed[WHOLE_PLAN] = rollout.plan.approvals if rollout.plan.require_approval else 0
    missing = {index: count - rollout.asked.approvals.get(index, 0) for index, count in needed.items()}
    if not any(count > 0 for count in missing.values()):
        return 0
    revision = next(iter(revision_rows.find_commits(work.session, work.project_id, rollout.commit)), None)
    glass = next(
        (each for each in holds.glasses_on(work) if each.match is None and _names(each, rollout.commit, revision)), None
    )
    if glass is None:
        return 0
    for index, count in missing.items():
        for number in range(count):
            approval = Approval(
                wave=index,
                user_id=f"{BREAK_GLASS}{glass.id}/{number}",
                name=f"break-glass by {glass.opened_by}",
                plan_root=rollout.plan_root,
                at=work.now,
            )
            rollout_rows.approve(work.session, work.project_id, rollout.id, approval)
    told = {"commit": rollout.commit, "plan_root": rollout.plan_root, "break_glass": glass.id}
    work.audit("rollout.approve", "rollout", str(rollout.id), payload=told)
    _use(work, glass, rollout.commit, "approval")
    work.publish(rollouts.ASKED, id=rollout.id)
    return sum(max(0, count) for count in missing.values())


def use_for_second_person(work: Work, commits: Sequence[str]) -> int:
    """Tell of the permissions by which commits come into force that no second person approved; how many were new."""
    everywhere = [each for each in holds.glasses_on(work) if each.match is None]
    told = 0
    for commit in commits:
        named = [each for each in everywhere if each.commit == commit] or [each for each in everywhere if each.author]
        told += sum(_use(work, glass, commit, "second person") for glass in named[:1])
    return told


def _names(glass: BreakGlass, commit: str, revision: Revision | None) -> bool:
    return glass.commit == commit or (revision is not None and holds.is_by(revision.author, glass.author))


def _use(work: Work, glass: BreakGlass, commit: str, what: str) -> bool:
    if commit in glass.used_for:
        return False
    rows.use_glass(work.session, work.project_id, glass.id, [*glass.used_for, commit])
    told = _told(glass) | {"went_through": commit, "what": what}
    work.audit("break_glass.use", "break_glass", glass.id, payload=told)
    work.publish("break_glass.used", id=glass.id, commit=commit, what=what)
    return True


def _end(work: Work, glass: BreakGlass, action: str, by: str) -> None:
    rows.end_glass(work.session, work.project_id, glass.id, at=work.now, by=by)
    work.audit(action, "break_glass", glass.id, payload=_told(glass) | {"used_for": glass.used_for})
    work.publish("break_glass.ended", id=glass.id, by=by)
    work.publish(holds.CHANGED)


def _commit(work: Work, prefix: str) -> str:
    found = {revision.commit for revision in revision_rows.find_commits(work.session, work.project_id, prefix)}
    if len(found) == 1:
        return found.pop()
    if found:
        raise BadBreakGlass(f"several commits begin with {prefix}")
    if len(prefix) not in _COMMIT_CHARS:
        raise BadBreakGlass(f"no commit seen yet begins with {prefix}; of one to come, give the whole id")
    return prefix


def _told(glass: BreakGlass) -> dict[str, object]:
    """What the audit log says of a permission."""
    wanted = {"commit", "author", "match", "until", "reason", "opened_by"}
    return {key: value for key, value in glass.model_dump(mode="json", include=wanted).items() if value}

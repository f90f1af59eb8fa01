"""Standings: how far a revision has come: how many hosts there are of each class, which ones, until when and why.

Of the revision in force the counts are at hand; of another one the fleet is read and counted when somebody asks, one
count at a time, and kept for a moment.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from api.services import envoys, graphs
from api.services.tallies import Tally, past, tally_of
from api.services.work import Actor, Work
from api.storage import envoys as envoy_rows
from api.storage import revisions as revision_rows
from api.storage import runs as run_rows
from api.storage import standings as rows
from api.storage.envoys import Known
from api.storage.standings import FleetHost
from reconciler.standings import NO_COURSE, Board, Course, Entry, eta, why
from schema.errors import Invalid, NotFound, Unavailable
from schema.protocol.reports import Outcome, RunStatus
from schema.revisions import Revision, RevisionState
from schema.standings import (
    FIRST_HOSTS,
    MAX_PAGE,
    MAX_POINTS,
    Eta,
    Standing,
    StandingClass,
    StandingHistory,
    StandingHost,
    StandingHosts,
    StandingPart,
)
from schema.time import from_rfc3339

if TYPE_CHECKING:
    from api.services.container import Services

PATIENCE_S: Final = 10.0
KEPT_S: Final = 15.0
KEPT: Final = 2
MAX_CAUSES: Final = 50
"""Runs that one answer looks into for what failed."""
_CURRENT: Final = "current"
_HEX: Final = frozenset("0123456789abcdef")
_WAS: Final = frozenset({RevisionState.IN_FORCE, RevisionState.SUPERSEDED})
_HELD: Final = frozenset({StandingClass.FROZEN, StandingClass.MAINTENANCE, StandingClass.QUARANTINED})


class StandingNotFound(NotFound):
    """No revision of this name was ever in force."""

    code = "standings.not_found"


class BadVersion(Invalid):
    """Not a time, or what several commits begin with."""

    code = "standings.bad_version"


class NotCounted(Unavailable):
    """The fleet is being counted; ask again in a moment."""

    code = "standings.not_counted"


FAULTS: Final = (StandingNotFound, BadVersion, NotCounted, *graphs.FAULTS)
"""What can come out of asking for a standing."""


class _Counted(NamedTuple):
    """The fleet as to one revision, at one time."""

    revision: Revision
    board: Board
    course: Course
    counts: Counter[tuple[StandingClass, int | None]]
    tally: Tally | None
    """Of the revision in force."""


async def get(services: Services, actor: Actor, version: str, *, request_id: str = "") -> Standing:
    """How far a revision has come, with the first hosts of each class.

    Args:
        version: `current`, a sequence, a commit or how it begins, or an RFC 3339 time.

    Raises:
        Those of `FAULTS`.
    """
    counted = await _counted(services, actor, version, request_id)
    named = [
        (name, wave, counted.board.hosts(name, counted.course, wave=wave, every_wave=False, limit=FIRST_HOSTS))
        for name, wave in sorted(counted.counts, key=_in_order)
    ]
    told = await _told(services, actor, counted, [(name, wave, each) for name, wave, some in named for each in some])
    return _standing(services, counted, [(name, wave, [told[each.id] for each in some]) for name, wave, some in named])


async def page(
    services: Services,
    actor: Actor,
    version: str,
    name: StandingClass,
    *,
    wave: int | None = None,
    after: str = "",
    limit: int = 100,
    request_id: str = "",
) -> StandingHosts:
    """Hosts of one class by name, from behind `after` on.

    Args:
        wave: counted from 1; of every wave when None.

    Raises:
        Those of `FAULTS`.
    """
    limit = max(1, min(limit, MAX_PAGE))
    counted = await _counted(services, actor, version, request_id)
    index = None if wave is None else wave - 1
    found = counted.board.hosts(name, counted.course, wave=index, every_wave=wave is None, after=after, limit=limit + 1)
    told = await _told(services, actor, counted, [(name, _wave(each, name), each) for each in found[:limit]])
    return StandingHosts(
        hosts=[told[each.id] for each in found[:limit]],
        next_after=found[limit - 1].hostname if len(found) > limit else None,
    )


def history(work: Work, version: str) -> StandingHistory:
    """A revision's counts at each change.

    Raises:
        StandingNotFound, BadVersion
    """
    revision = find(work, version)
    points = rows.history(work.session, work.project_id, revision.sequence, limit=MAX_POINTS)
    return StandingHistory(version=revision.sequence, commit=revision.commit, points=points)


def note(work: Work, sequence: int, counts: Mapping[StandingClass, int]) -> None:
    """Keep the counts of a revision as they are now; beyond `MAX_POINTS`, every other one of the older half goes."""
    session, project_id = work.session, work.project_id
    times = rows.times(session, project_id, sequence)
    if times and times[-1] >= work.now:
        return  # a clock that was set back: history begins anew where it left off
    if not times:
        rows.forget(session, project_id)
    elif len(times) >= MAX_POINTS:
        rows.remove(session, project_id, sequence, times[1 : MAX_POINTS // 2 : 2])
    rows.add(session, project_id, sequence, work.now, counts)


def find(work: Work, version: str) -> Revision:
    """The revision that a version names.

    Raises:
        StandingNotFound, BadVersion
    """
    session, project_id = work.session, work.project_id
    text = version.strip()
    found: Revision | None = None
    if text == _CURRENT:
        found = revision_rows.in_force(session, project_id)
    elif text[:4].isdigit() and text[4:5] == "-":
        found = revision_rows.in_force_at(session, project_id, _time(text))
    elif text.isascii() and text.isdigit() and len(text) < 16:
        found = revision_rows.find(session, project_id, int(text))
    elif len(text) >= 4 and set(text) <= _HEX:
        of_commit = revision_rows.find_commits(session, project_id, text)
        if len({each.commit for each in of_commit}) > 1:
            raise BadVersion(f"several commits begin with {text}")
        found = next((each for each in of_commit if each.state in _WAS), of_commit[0] if of_commit else None)
    if found is None and text == "current":
        raise StandingNotFound("nothing is in force yet", hint="`vigo config status` says why")
    if found is None:
        raise StandingNotFound(
            f"there is no revision {text[:64]}", hint="name it by `current`, a sequence, a commit or an RFC 3339 time"
        )
    if found.state not in _WAS:
        raise StandingNotFound(f"revision {found.sequence} ({found.commit[:12]}) never came into force")
    return found


async def _counted(services: Services, actor: Actor, version: str, request_id: str) -> _Counted:
    revision = await services.read(actor, lambda work: find(work, version), request_id=request_id)
    tally = tally_of(services)
    if tally is None:
        raise NotCounted("this server follows no config repository, and counts no hosts")
    if revision.state is RevisionState.IN_FORCE:
        try:
            async with asyncio.timeout(PATIENCE_S):
                revision = await tally.reached(revision.sequence)
        except TimeoutError as error:
            raise NotCounted("the fleet is being counted; ask again in a moment") from error
        tally.take_up()
        course = tally.membership.course()
        return _Counted(revision, tally.board, course, tally.board.counts(course), tally)
    board = await _past(services, actor, revision, request_id)
    return _Counted(revision, board, NO_COURSE, board.counts(NO_COURSE), None)


async def _past(services: Services, actor: Actor, revision: Revision, request_id: str) -> Board:
    """The fleet as to a revision that is in force no more; one that was counted a moment ago, or counted now."""
    kept = _kept(services)
    async with services.own.setdefault("past standings lock", asyncio.Lock()):
        let_go(services)
        now = services.clock.monotonic()
        if revision.commit not in kept:
            graph = await graphs.at(services, actor, revision.commit, request_id=request_id)
            online, holds, wall = envoys.online(services), services.holds, services.clock.now()
            hosts = await services.read(actor, fleet)
            made = await asyncio.to_thread(
                past, graph, hosts, commit=revision.commit, holds=holds, now=wall, online=online
            )
            while len(kept) >= KEPT:
                del kept[next(iter(kept))]
            kept[revision.commit] = (now + KEPT_S, made)
        return kept[revision.commit][1]


def let_go(services: Services) -> None:
    """Let go of what was counted of older revisions and is kept no longer."""
    kept, now = _kept(services), services.clock.monotonic()
    for commit in [commit for commit, (until, _) in kept.items() if until <= now]:
        del kept[commit]


def _kept(services: Services) -> dict[str, tuple[float, Board]]:
    """Commit → until when its count is kept (monotonic seconds), and the count."""
    found: dict[str, tuple[float, Board]] = services.own.setdefault("past standings", {})
    return found


def fleet(work: Work) -> list[FleetHost]:
    """All live envoys, as counts are made of them."""
    found: list[FleetHost] = []
    while stretch := fleet_behind(work, found[-1].id if found else ""):
        found += stretch
    return found


def fleet_behind(work: Work, after: str) -> list[FleetHost]:
    """A stretch of live envoys, by id, from behind `after` on."""
    return rows.fleet(work.session, work.project_id, after=after)


async def _told(
    services: Services, actor: Actor, counted: _Counted, named: Sequence[tuple[StandingClass, int | None, Entry]]
) -> dict[str, StandingHost]:
    """Id → what is told of a host of its class."""
    wanted = [(name, each.id) for name, _, each in named if name in {StandingClass.FAILED, StandingClass.OFFLINE}]
    known, causes = await services.read(actor, lambda work: _known(work, wanted)) if wanted else ({}, {})
    now, holds = services.clock.now(), services.holds
    told: dict[str, StandingHost] = {}
    for name, wave, each in named:
        host = StandingHost(id=each.id, hostname=each.hostname, wave=None if wave is None else wave + 1)
        row = known.get(each.id)
        if name in _HELD:
            hold = holds.on(each.hostname, now)
            if hold is not None:
                host.until = hold.until
                host.cause = hold.reason or None
        elif name is StandingClass.OFFLINE and row is not None:
            host.since = row.last_seen_at
        elif name is StandingClass.FAILED and row is not None:
            stalled = counted.tally.stalled(each.id) if counted.tally is not None else ""
            _blame(host, row, causes.get(each.id), stalled, under=each.ran == each.desired)
        elif name in {StandingClass.BLOCKED, StandingClass.APPROVAL, StandingClass.WAVE}:
            host.cause = why(name, wave, counted.course) or None
        told[each.id] = host
    return told


def _blame(host: StandingHost, row: Known, cause: tuple[str, str] | None, stalled: str, *, under: bool) -> None:
    """Say why a host failed."""
    if under and row.run is not None:
        host.run, host.since = row.run.run_id, row.run.started_at
        if cause is not None:
            host.resource, host.cause = cause[0] or None, cause[1]
            return
        host.cause = row.refusal or f"{row.run.failed} resources failed"
    else:
        host.cause = row.refusal or stalled or "it does not accept what it is to be"


def _known(
    work: Work, wanted: Sequence[tuple[StandingClass, str]]
) -> tuple[dict[str, Known], dict[str, tuple[str, str]]]:
    """Id → envoy; and id → (resource, error) of what failed first in its last run, of the first that failed."""
    found: dict[str, Known] = {}
    causes: dict[str, tuple[str, str]] = {}
    for name, envoy_id in wanted:
        row = envoy_rows.find(work.session, work.project_id, envoy_id)
        if row is None:
            continue
        found[envoy_id] = row
        if name is StandingClass.FAILED and row.run is not None and len(causes) < MAX_CAUSES:
            cause = _cause(work, row)
            if cause is not None:
                causes[envoy_id] = cause
    return found, causes


def _cause(work: Work, row: Known) -> tuple[str, str] | None:
    assert row.run is not None
    run = run_rows.find(work.session, work.project_id, row.run.run_id)
    if run is None:
        return None
    failed = next((each for each in run.resources if each.outcome is Outcome.FAILED), None)
    if failed is not None:
        return failed.id, failed.error
    said = run.error or ("it refused its assignment" if row.run.status is RunStatus.REFUSED else "")
    return ("", said) if said else None


def _standing(
    services: Services, counted: _Counted, named: Sequence[tuple[StandingClass, int | None, list[StandingHost]]]
) -> Standing:
    revision, now = counted.revision, services.clock.now()
    counts = dict.fromkeys(StandingClass, 0)
    for (name, _), count in counted.counts.items():
        counts[name] += count
    total = sum(counts.values())
    meant = total - counts[StandingClass.UNMATCHED]
    return Standing(
        version=revision.sequence,
        commit=revision.commit,
        state=revision.state,
        in_force_at=revision.in_force_at,
        total=total,
        counts=counts,
        complete=counts[StandingClass.APPLIED] == meant,
        parts=[
            StandingPart(
                name=name,
                wave=None if wave is None else wave + 1,
                wave_name=_wave_name(counted.course, wave),
                count=counted.counts[name, wave],
                cause=why(name, wave, counted.course) or None,
                hosts=hosts,
            )
            for name, wave, hosts in named
        ],
        eta=_eta(counted, counts, now),
        at=now,
    )


def _eta(counted: _Counted, counts: Mapping[StandingClass, int], now: int) -> Eta:
    if counted.tally is None:
        return Eta(why="a newer revision is in force")
    there = {StandingClass.UNMATCHED, StandingClass.APPLIED}
    moving = counts[StandingClass.WAVE] + counts[StandingClass.APPROVAL] + counts[StandingClass.BLOCKED]
    others = sum(count for name, count in counts.items() if name not in there) - moving
    return eta(list(counted.tally.points), remaining=moving, others=others, course=counted.course, now=now)


def _wave_name(course: Course, wave: int | None) -> str | None:
    return course.waves[wave].name or None if wave is not None and wave < len(course.waves) else None


def _wave(entry: Entry, name: StandingClass) -> int | None:
    waiting = name in {StandingClass.WAVE, StandingClass.BLOCKED, StandingClass.APPROVAL}
    return entry.spot.wave if waiting and entry.spot is not None else None


def _in_order(part: tuple[StandingClass, int | None]) -> tuple[int, int]:
    name, wave = part
    order = [StandingClass.APPLIED, *(each for each in StandingClass if each is not StandingClass.APPLIED)]
    return order.index(name), -1 if wave is None else wave


def _time(text: str) -> int:
    try:
        return from_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise BadVersion(f"no time: {error}") from error

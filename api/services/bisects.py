"""Bisects: which change since a time separates hosts that are bad from those that are well.

The judgement is `reconciler.bisecting`; here are the revisions that came into force, their graphs, and what hosts ran
last. One step after another, newest first: two graphs are held at a time, and what there is no time for is the oldest.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from api.services import graphs
from api.services.work import Actor, Work
from api.storage import envoys as envoy_rows
from api.storage import revisions as revision_rows
from reconciler import bisecting
from reconciler.bisecting import Step
from reconciler.graph import patterns
from reconciler.graph.patterns import BadPattern, PatternKind
from reconciler.repository.faults import RevisionNotFound
from schema.bisects import MAX_NAMED, MAX_REVISIONS, Bisect, BisectQuestion
from schema.errors import Fault, Invalid
from schema.revisions import Revision
from schema.time import to_rfc3339

if TYPE_CHECKING:
    from api.services.container import Services
    from reconciler.graph import Graph

DEADLINE_S: Final = 40.0
"""After which no further revision is looked at."""


class NoSuchHosts(Invalid):
    """A pattern for hosts that no enrolled host fits, or that is none."""

    code = "bisects.no_such_hosts"


class BothSides(Invalid):
    """A host is named as bad and as well."""

    code = "bisects.both_sides"


class NothingSince(Invalid):
    """The time lies ahead."""

    code = "bisects.nothing_since"


FAULTS: Final = (NoSuchHosts, BothSides, NothingSince, *graphs.FAULTS)


@dataclass(slots=True)
class _Known:
    """What the database says."""

    revisions: list[Revision]
    """Newest first; the last is the one that was in force at the time, if there was one."""
    since: int
    """How many of them came into force since then."""
    ran: Mapping[str, str]
    """Host name → digest of the catalog that it ran last; empty where it has not run."""


@dataclass(slots=True)
class _Walk:
    """How far the way back through the revisions is."""

    steps: list[Step] = field(default_factory=list)
    """Newest first."""
    seen_at: dict[str, int] = field(default_factory=dict)
    """Host name → after how many steps back its last catalog was found."""
    notes: list[str] = field(default_factory=list)


async def bisect(services: Services, actor: Actor, question: BisectQuestion, *, request_id: str = "") -> Bisect:
    """Who is suspect, the likeliest first; touches no host.

    Raises:
        NoSuchHosts, BothSides, NothingSince; those of `graphs.FAULTS`.
    """
    known = await services.read(actor, lambda work: _known(work, question.since), request_id=request_id)
    hosts = sorted(known.ran)
    bad = _chosen(question.bad, hosts, "bad")
    good = _chosen(question.good, hosts, "well") if question.good else frozenset(hosts) - bad
    if both := sorted(bad & good):
        raise BothSides(f"{both[0]} is bad and well at once")
    walk = await _walked(services, actor, known, hosts, bad, request_id=request_id)
    steps = walk.steps[::-1]
    reached = {name: len(steps) - back for name, back in walk.seen_at.items()}
    unknown = sum(1 for name in bad | good if name not in reached)
    if unknown and steps:
        walk.notes.append(f"of {unknown} hosts it is not known which of these revisions they ran last: all are assumed")
    if any(each.cut for each in steps):
        walk.notes.append(
            f"a revision changed more than {bisecting.MAX_PER_MOVE} things at once: the rest is not judged"
        )
    found = await services.desks.surveys.run(lambda: bisecting.suspects(steps, bad, good, reached))
    accused = {each.sequence for each in found}
    listed = sorted(bad)
    return Bisect(
        since=question.since,
        bad=listed[:MAX_NAMED],
        bad_left_out=max(0, len(listed) - MAX_NAMED) or None,
        bad_count=len(bad),
        good_count=len(good),
        revisions=len(steps),
        changed_nothing=sum(1 for each in steps if each.revision.sequence not in accused),
        suspects=found[: question.limit],
        left_out=max(0, len(found) - question.limit) or None,
        notes=walk.notes,
    )


def _known(work: Work, since: int) -> _Known:
    if since > work.now:
        raise NothingSince(f"{to_rfc3339(since)} lies ahead")
    found = revision_rows.in_force_within(work.session, work.project_id, since, work.now + 1)
    before = revision_rows.in_force_at(work.session, work.project_id, since - 1)
    ran = {
        hostname: run.catalog_sha256 if run is not None else ""
        for _, hostname, _, run, _ in envoy_rows.last_runs(work.session, work.project_id)
    }
    return _Known([*found, *([before] if before is not None else [])], len(found), ran)


def _chosen(said: Sequence[str], hosts: Sequence[str], word: str) -> frozenset[str]:
    """The enrolled hosts that patterns fit."""
    known, found = frozenset(hosts), set[str]()
    for text in said:
        try:
            pattern = patterns.parse(text.strip())
        except BadPattern as error:
            raise NoSuchHosts(str(error), **({"hint": error.hint} if error.hint else {})) from error
        if pattern.kind is PatternKind.EXACT:
            fitting = known & {pattern.folded}
        else:
            fitting = frozenset(name for name in hosts if pattern.matches(name))
        if not fitting:
            raise NoSuchHosts(f"no enrolled host is {text!r}, which is said to be {word}")
        found |= fitting
    return frozenset(found)


async def _walked(
    services: Services, actor: Actor, known: _Known, hosts: Sequence[str], bad: frozenset[str], *, request_id: str
) -> _Walk:
    """Step back through the revisions as far as there is time, and they can be had."""
    walk = _Walk()
    revisions = known.revisions[: MAX_REVISIONS + 1]
    if known.since == 0:
        walk.notes.append("nothing came into force since then")
        return walk
    if known.since > MAX_REVISIONS:
        walk.notes.append(
            f"{known.since} revisions came into force since then: the newest {MAX_REVISIONS} are looked at"
        )
    elif len(known.revisions) == known.since:
        walk.notes.append(
            "nothing was in force before the first of these revisions: it is what others are held against"
        )
    until = time.monotonic() + DEADLINE_S
    left = {name: digest for name, digest in known.ran.items() if digest}
    other = await _graph(services, actor, revisions[0], request_id, walk)
    for newer, older in pairwise(revisions):
        if other is None:
            break
        await _place(services, walk, other, left)
        if time.monotonic() > until:
            walk.notes.append(
                f"there was time for {len(walk.steps)} revisions: {newer.sequence} and those before are not"
            )
            break
        base = await _graph(services, actor, older, request_id, walk)
        if base is None:
            break
        walk.steps.append(await services.desks.surveys.run(partial(bisecting.step, newer, base, other, hosts, bad)))
        other = base
    else:
        if other is not None:
            await _place(services, walk, other, left)
    return walk


async def _graph(services: Services, actor: Actor, revision: Revision, request_id: str, walk: _Walk) -> Graph | None:
    """The graph of a revision; None, with a note, where git no longer has it or it does not compile any more."""
    try:
        return await graphs.at(services, actor, revision.commit, request_id=request_id)
    except (RevisionNotFound, graphs.NotValid) as error:
        walk.notes.append(
            f"revision {revision.sequence} cannot be had, nor are those before it looked at: {_said(error)}"
        )
        return None


def _said(fault: Fault) -> str:
    return fault.message


async def _place(services: Services, walk: _Walk, graph: Graph, left: dict[str, str]) -> None:
    """Find the hosts that ran this graph's catalog last; `left` are those not found in a newer one."""
    if not left:
        return
    for name in await services.desks.surveys.run(partial(bisecting.has_come_to, graph, dict(left))):
        walk.seen_at[name] = len(walk.steps)
        del left[name]

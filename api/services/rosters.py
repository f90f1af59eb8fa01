"""Rosters: the fleet as lists that are searched and sorted, and as the numbers of a moment.

What a host's row says is asked of the database; what follows from the graph in force and from who is connected is
judged here, over a stretch of rows at a time. A look over very many that finds few ends early and says where to go on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from api.services import envoys
from api.services.census import census_of
from api.services.envoys import Online
from api.services.work import Actor, Work
from api.storage import envoys as rows
from api.storage.envoys import Known, Wanted
from api.storage.envoys import Order as Order
from api.storage.envoys import Place as Place
from reconciler import convergence as verdicts
from reconciler.graph import patterns
from reconciler.graph.patterns import PatternKind
from schema.envoys import DEFAULT_PAGE, Convergence, Drift, Envoy, Reachability
from schema.errors import Invalid

if TYPE_CHECKING:
    from api.services.container import Services
    from reconciler.graph import Graph

MAX_PATTERN: Final = 253
MAX_LOOKED_AT: Final = 20_000
"""Rows of one search: some tenths of a second of one reader."""
_TALLY: Final = "tally"
_LITERAL: Final = re.compile(r"[a-z0-9.-]*")


class BadHostnames(Invalid):
    """Not a pattern of hostnames."""

    code = "envoys.bad_hostnames"


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for: all of what is given."""

    hostname: str | None = None
    """A pattern as in a match block: a name, a glob, or a regular expression between slashes."""
    environment: str | None = None
    tag: str | None = None
    agent_version: str | None = None
    seen_since: int | None = None
    seen_until: int | None = None
    """Heard before, or never; microseconds."""
    convergence: Convergence | None = None
    drift: Drift | None = None
    reachability: Reachability | None = None
    include_revoked: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search."""

    envoys: Sequence[Envoy]
    more: bool
    """Whether there may be more behind it."""
    place: Place | None
    """Where to go on: of the last envoy that was looked at. None where none was."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many live envoys there are of each word, as counted at a moment. Each kind of word, with `maintenance`, sums
    to `total`."""

    counted_at: int
    counts: Mapping[str, int]


def search(
    work: Work,
    wanted: Search,
    *,
    online: Online,
    graph: Graph | None,
    order: Order = Order.HOSTNAME,
    after: Place | None = None,
    limit: int = DEFAULT_PAGE,
) -> Found:
    """Up to `limit` envoys, in this order, from behind `after` on.

    Raises:
        BadHostnames: the pattern of hostnames is none.
    """
    matches, prefix, glob = _matching(wanted.hostname)
    asked = Wanted(
        include_revoked=wanted.include_revoked,
        prefix=prefix,
        glob=glob,
        environment=wanted.environment,
        tag=wanted.tag,
        agent_version=wanted.agent_version,
        seen_since=wanted.seen_since,
        seen_until=wanted.seen_until,
    )
    judged = not (wanted.convergence is None and wanted.drift is None and wanted.reachability is None)
    found: list[Known] = []
    looked_at, more = 0, True
    while more and len(found) < limit and looked_at < MAX_LOOKED_AT:
        size = DEFAULT_PAGE if judged else limit - len(found)
        stretch = rows.behind(work.session, work.project_id, asked, order, after=after, limit=size)
        more = len(stretch) == size
        looked_at += len(stretch)
        fitting = [envoy for envoy in stretch if matches(envoy.hostname)]
        if judged:
            fitting = _fitting(work, fitting, wanted, online, graph)
        room = limit - len(found)
        if len(fitting) > room:
            fitting, more = fitting[:room], True
        found += fitting
        if len(found) == limit and fitting:
            after = place_of(fitting[-1], order)
            more = more or fitting[-1] is not stretch[-1]
        elif stretch:
            after = place_of(stretch[-1], order)
    return Found(envoys.models(work, found, online, graph), more, after)


def place_of(envoy: Known, order: Order) -> Place:
    """Where an envoy stands in an order."""
    match order:
        case Order.HOSTNAME:
            return Place(envoy.hostname, envoy.id)
        case Order.LAST_SEEN:
            return Place(envoy.last_seen_at, envoy.id)
        case Order.ENROLLED:
            return Place(envoy.enrolled_at, envoy.id)


async def summary(services: Services) -> Tally:
    """The fleet as it was counted last, a moment ago: see `api.workers.upkeep`. Counted now where it never was."""
    held = services.own.get(_TALLY)
    return held if isinstance(held, Tally) else await recount(services, Actor.system("roster"))


async def recount(services: Services, actor: Actor) -> Tally:
    """Count the fleet, and keep that for `summary`."""
    services.own[_TALLY] = tally = Tally(services.clock.now(), await census_of(services).count(actor))
    return tally


def _fitting(work: Work, found: Sequence[Known], wanted: Search, online: Online, graph: Graph | None) -> list[Known]:
    fitting = []
    for envoy, observed in zip(found, envoys.observed(work, found, online, graph), strict=True):
        verdict = verdicts.judge(observed, work.now)
        if (
            (wanted.convergence is None or verdict.convergence is wanted.convergence)
            and (wanted.drift is None or verdict.drift is wanted.drift)
            and (wanted.reachability is None or verdict.reachability is wanted.reachability)
        ):
            fitting.append(envoy)
    return fitting


def _matching(pattern: str | None) -> tuple[Callable[[str], bool], str, str]:
    """What tells whether a hostname meets a pattern; and of that, for the database, what such names begin with, and the
    glob where it is a simple one."""
    if pattern is None:
        return (lambda _hostname: True), "", ""
    if len(pattern) > MAX_PATTERN:
        raise BadHostnames(f"`hostname`: a pattern has at most {MAX_PATTERN} characters")
    try:
        parsed = patterns.parse(pattern)
    except patterns.BadPattern as error:
        raise BadHostnames(f"`hostname`: {error}") from error
    if parsed.kind is PatternKind.REGEX:
        return parsed.matches, "", ""
    literal = _LITERAL.match(parsed.folded)
    return parsed.matches, literal[0] if literal else "", "" if "[" in parsed.folded else parsed.folded

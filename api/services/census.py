"""The census: the three words of each live host, kept in memory, so that to count a fleet costs what changed in it.

Words become others when a host reports, comes, goes, is enrolled or revoked, and when another commit is in force: that
is told. They do by time alone where nobody holds a connection of a host that was heard lately: those are looked at each
time. A look at the whole fleet now and then makes up for what nobody told of.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from api.services import envoys
from api.services.envoys import Online
from api.services.events import Event
from api.services.work import Actor, Work
from reconciler.convergence import Reachability, Verdict, summed
from reconciler.holds import Holds
from schema.holds import HoldKind

if TYPE_CHECKING:
    from api.services.container import Services
    from reconciler.graph import Graph

TOPICS: Final = ("run.finished", "envoy.online", "envoy.offline", "envoy.enrolled", "envoy.revoked")
WHOLE_EVERY_S: Final = 600.0
MAX_SHARE: Final = 0.001
"""Of the time, for looks at the whole fleet that nobody asked for."""
STRETCH: Final = 1_000
"""Hosts taken up before others have their turn: about a millisecond."""
_OWN: Final = "census"


class Counted(NamedTuple):
    """One host, as it was seen last."""

    hostname: str
    verdict: Verdict


class _Seen(NamedTuple):
    """What a look has found to be otherwise."""

    looked_at: frozenset[str]
    moved: list[tuple[str, Counted | None]]
    fading: set[str]
    """Not connected, and online still by when they were heard last."""


class Census:
    """The fleet's words. Lives in the event loop's thread; until it listens, each look is at the whole fleet."""

    def __init__(self, services: Services) -> None:
        self._services: Final = services
        self._hosts: dict[str, Counted] = {}
        self._counts: Counter[Verdict] = Counter()
        self._told: set[str] = set()
        self._fading: set[str] = set()
        self._moved: set[str] = set()
        self._graph: Graph | None = None
        self._whole_at = -math.inf
        self._listening = False
        self._one_at_a_time: Final = asyncio.Lock()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Be told what happens to hosts, until the block ends."""
        with self._services.events.tap(self._note, *TOPICS):
            self._listening = True
            try:
                yield
            finally:
                self._listening = False

    def get(self, envoy_id: str) -> Counted | None:
        """A host, as it was seen last."""
        return self._hosts.get(envoy_id)

    def ids(self) -> list[str]:
        """All hosts."""
        return list(self._hosts)

    def tally(self) -> Mapping[str, int]:
        """Hosts of each word, as they were seen last."""
        return summed(self._counts)

    def moved(self) -> set[str]:
        """Hosts whose words became others, that came, or that went, since this was asked last."""
        moved, self._moved = self._moved, set()
        return moved

    async def look(self, actor: Actor) -> None:
        """See to it that all words are those of now.

        Raises:
            Fault: the database does not answer.
        """
        async with self._one_at_a_time:
            await self._look(actor)

    async def count(self, actor: Actor) -> Mapping[str, int]:
        """How many live envoys there are of each word, now. Those in maintenance are counted as that and nothing else:
        with `maintenance` convergence, drift and reachability each sum to `total`.

        Raises:
            Fault: the database does not answer.
        """
        async with self._one_at_a_time:
            await self._look(actor)
            holds, now = self._services.holds, self._services.clock.now()
            apart: Counter[Verdict] = Counter()
            if any(hold.kind is HoldKind.MAINTENANCE for hold in holds.in_force(now)):
                apart = await asyncio.to_thread(_in_maintenance, self._hosts, holds, now)
            found = summed(self._counts - apart)
            return {**found, "maintenance": apart.total(), "total": self._counts.total()}

    def _note(self, event: Event) -> None:
        self._told.add(event.data["envoy_id" if event.topic == "run.finished" else "id"])

    async def _look(self, actor: Actor) -> None:
        services = self._services
        graph, online, began = services.graph, envoys.online(services), services.clock.monotonic()
        told, self._told = self._told, set()
        some = told | self._fading
        whole = not self._listening or graph is not self._graph or began >= self._whole_at
        try:
            if whole or 4 * len(some) > len(self._hosts):
                seen = await services.read(actor, lambda work: self._see(work, None, online, graph))
                took_s = services.clock.monotonic() - began
                self._graph, self._whole_at = graph, began + max(WHOLE_EVERY_S, took_s / MAX_SHARE)
            elif some:
                seen = await services.read(actor, lambda work: self._see(work, sorted(some), online, graph))
            else:
                return
        except BaseException:
            self._told |= told
            raise
        self._fading = (self._fading - seen.looked_at) | seen.fading
        for start in range(0, len(seen.moved), STRETCH):
            for envoy_id, host in seen.moved[start : start + STRETCH]:
                self._take(envoy_id, host)
            await asyncio.sleep(0)

    def _see(self, work: Work, ids: list[str] | None, online: Online, graph: Graph | None) -> _Seen:
        """Look at these hosts, or all. In a reader's thread; nothing is taken up meanwhile."""
        hosts = self._hosts
        missing = set(hosts if ids is None else ids)
        looked_at = frozenset(missing)
        moved: list[tuple[str, Counted | None]] = []
        fading: set[str] = set()
        for envoy_id, hostname, verdict in envoys.judged(work, online=online, graph=graph, ids=ids):
            missing.discard(envoy_id)
            known = hosts.get(envoy_id)
            if known is None or known.verdict != verdict:
                moved.append((envoy_id, Counted(hostname, verdict)))
            if verdict.reachability is Reachability.ONLINE and not online(envoy_id):
                fading.add(envoy_id)
        moved += [(envoy_id, None) for envoy_id in missing if envoy_id in hosts]
        return _Seen(looked_at, moved, fading)

    def _take(self, envoy_id: str, host: Counted | None) -> None:
        before = self._hosts.pop(envoy_id, None)
        if before is not None:
            self._counts[before.verdict] -= 1
        if host is not None:
            self._hosts[envoy_id] = host
            self._counts[host.verdict] += 1
        self._moved.add(envoy_id)


def census_of(services: Services) -> Census:
    """The census of this process."""
    found = services.own.get(_OWN)
    if not isinstance(found, Census):
        services.own[_OWN] = found = Census(services)
    return found


def _in_maintenance(hosts: Mapping[str, Counted], holds: Holds, now: int) -> Counter[Verdict]:
    found: Counter[Verdict] = Counter()
    for hostname, verdict in hosts.values():
        hold = holds.on(hostname, now)
        if hold is not None and hold.kind is HoldKind.MAINTENANCE:
            found[verdict] += 1
    return found

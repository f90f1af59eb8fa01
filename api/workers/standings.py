"""The counter of standings: keeps the tally of the revision in force, writes its history, and shows it to the metrics.

History is written once a second at the most, and only when a count has changed: whatever number of reports comes.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Final

from prometheus_client import Gauge

from api.services import rollouts, standings
from api.services.container import Services
from api.services.tallies import TOPICS, Tally
from api.services.work import Actor
from api.workers.enduring import turn
from reconciler.holds import Holds
from schema.errors import Fault
from schema.progress import WaveProgress
from schema.rollouts import RolloutState
from schema.standings import StandingClass

log = logging.getLogger("vigo.standings")

COUNTER: Final = Actor.system("standings")
EVERY_S: Final = 1.0
AGAIN_S: Final = 5.0
SWEEP_EVERY_S: Final = 15.0
_MAY_MOVE: Final = frozenset(StandingClass) - {StandingClass.APPLIED, StandingClass.UNMATCHED}
"""What may change with nothing to tell of it: a hold's time, a reason why nothing can be made."""


class Counting:
    """Keeps a tally."""

    def __init__(self, services: Services, tally: Tally) -> None:
        self._services = services
        self._tally = tally
        self._holds: Holds | None = None
        self._course: tuple[RolloutState, object] | None = None
        self._written: tuple[int, dict[StandingClass, int]] | None = None
        self._waves: tuple[str, int, tuple[WaveProgress, ...]] | None = None
        self._swept = float("-inf")
        self._gauge = Gauge(
            "vigo_standing_hosts",
            "Hosts by what the revision in force is to them; they sum to the fleet.",
            ["class"],
            registry=services.metrics.registry,
        )
        self._state = Gauge(
            "vigo_rollout",
            "1 for what the rollout of the revision in force is at: stopped, blocked ...; all 0 when it is through.",
            ["state"],
            registry=services.metrics.registry,
        )

    async def run(self) -> None:
        """Count, until cancelled."""
        with self._services.events.tap(self._tally.note, *TOPICS):
            await self._load()
            while True:
                with turn(log, "standings cannot be counted"):
                    await self.count()
                await asyncio.sleep(EVERY_S)

    async def count(self) -> None:
        """Bring the tally up to date, and its history.

        Raises:
            Fault: the database does not answer.
        """
        services, tally = self._services, self._tally
        graph = services.graph
        if graph is None:
            return
        standings.let_go(services)
        if tally.overtaken or tally.revision is None or tally.revision.commit != graph.commit:
            revision = await services.read(COUNTER, lambda work: standings.find(work, "current"))
            if revision.commit != graph.commit:
                return  # recorded a moment ago; its graph is at hand a moment later
            tally.overtaken = False
            self._holds = services.holds
            await tally.begin(revision, graph)
        tally.take_up()
        await self._sweep()
        assert tally.revision is not None
        now = services.clock.now()
        counts = tally.see(now)
        for name, count in counts.items():
            self._gauge.labels(name.value).set(count)
        under_way = tally.membership.of() is not None
        at = tally.membership.course().state if under_way else RolloutState.DONE
        for state in RolloutState:
            self._state.labels(state.value).set(under_way and state is at)
        seen = (tally.revision.sequence, counts)
        if seen != self._written:
            await services.write(COUNTER, lambda work: standings.note(work, *seen))
            self._written = seen
        waves = tally.membership.waves()
        if waves is not None and waves != self._waves:
            await services.write(COUNTER, lambda work: rollouts.count(work, *waves))
            self._waves = waves

    async def _sweep(self) -> None:
        """Look anew at those of whom nothing was told."""
        services, tally = self._services, self._tally
        now = services.clock.monotonic()
        course = tally.membership.course().state, tally.membership.of()
        held, self._holds = self._holds, services.holds
        was, self._course = self._course, course
        if held is not services.holds:
            await tally.sweep()
        elif now - self._swept >= SWEEP_EVERY_S or was != course:
            self._swept = now
            await tally.sweep(_MAY_MOVE)

    async def _load(self) -> None:
        after = ""
        while True:
            try:
                stretch = await self._services.read(COUNTER, partial(standings.fleet_behind, after=after))
            except Fault as fault:
                log.warning("standings: %s", fault.message)
                await asyncio.sleep(AGAIN_S)
                continue
            if not stretch:
                return
            self._tally.load(stretch)
            after = stretch[-1].id

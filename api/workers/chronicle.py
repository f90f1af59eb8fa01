"""The chronicle: what runs found, how the words of hosts became others, and each day's snapshot, written as it goes.

Level-triggered throughout: each pass compares what is with what was written, so that one that is missed costs time and
nothing else. What it writes twice is the same; a server that is killed goes on where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Final

from api.services import drifts
from api.services.container import Services
from api.services.verdicts import Watch
from api.services.work import Actor, Work
from api.workers.enduring import turn
from schema.errors import Fault

log = logging.getLogger("vigo.chronicle")

CHRONICLE: Final = Actor.system("chronicle")
LOOK_EVERY_S: Final = 15.0
"""At least, when nothing happens."""
LOOK_APART_S: Final = 2.0
"""At most, however much happens."""
MAX_SHARE: Final = 0.01
"""Of the time, for looks at the whole fleet: when one takes long, the next comes later."""
SNAPSHOT_EVERY_S: Final = 3_600.0
"""How often the day that is not over is kept: what a server that is killed can lose of its counts."""
SOON_S: Final = 0.5
"""How long after a run the next pass begins: what ends together is one pass."""


class Chronicle:
    """Writes the history of the fleet."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._watch = Watch(services.clock)
        self._counts: Mapping[str, int] = {}
        self._look_at = self._snapshot_at = 0.0
        self._day = ""
        self._news = False

    async def run(self) -> None:
        """Do what is due, until cancelled."""
        with self._services.events.listen("run.finished") as runs:
            ended = aiter(runs)
            while True:
                with turn(log, "the chronicle could not be written"):
                    await self.step()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._patience()):
                        await anext(ended)
                        self._news = True
                        await asyncio.sleep(SOON_S)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.001):  # all that is told by now is one pass
                        while True:
                            await anext(ended)

    async def close(self) -> None:
        """Keep the day as it is at the end."""
        if self._counts:
            with contextlib.suppress(Fault):
                await self._keep_day(self._day)

    async def step(self) -> None:
        """One pass: whatever is due."""
        await self._gather()
        now = self._services.clock.monotonic()
        if now >= self._look_at:
            self._news = False
            self._counts = await self._watch.look(self._services, CHRONICLE)
            took = self._services.clock.monotonic() - now
            self._look_at = now + max(LOOK_APART_S, took / MAX_SHARE)
        await self._days(now)

    def _patience(self) -> float:
        """Seconds to wait for news; not long when what was told has not been looked at yet."""
        left = self._look_at - self._services.clock.monotonic()
        return min(LOOK_EVERY_S, max(left, SOON_S)) if self._news else max(LOOK_EVERY_S, left)

    async def _gather(self) -> None:
        more = True
        while more:
            found = await self._services.read(CHRONICLE, drifts.gather)
            left_out = 0
            if found.due:
                left_out = await self._services.write(CHRONICLE, lambda work, found=found: drifts.keep(work, found))  # type: ignore[misc]
            if left_out:
                log.warning("%d drifts of hosts that have very many are not kept; their runs show them", left_out)
            more = found.more

    async def _days(self, now: float) -> None:
        today = drifts.day_of(self._services.clock.now())
        if today == self._day and now < self._snapshot_at:
            return
        if today != self._day:
            await self._finish(today)
        await self._keep_day(today)
        keep_days = self._services.settings.history_days
        await self._services.write(CHRONICLE, lambda work: drifts.tidy(work, keep_days=keep_days))
        self._day, self._snapshot_at = today, now + SNAPSHOT_EVERY_S

    async def _finish(self, today: str) -> None:
        """The days that are over get their last snapshot: yesterday, and what a server left that ended before."""
        days = await self._services.read(CHRONICLE, lambda work: drifts.unfinished(work, before=today))
        for day in days:
            # At midnight the counts are those of the day that ends; of one before, those that it was left with.
            counts = self._counts if day == self._day else None
            await self._write_day(counts, day)

    async def _keep_day(self, day: str) -> None:
        await self._write_day(self._counts, day)

    async def _write_day(self, counts: Mapping[str, int] | None, day: str) -> None:
        def keep(work: Work) -> None:
            drifts.snapshot(work, counts, day)

        await self._services.write(CHRONICLE, keep)

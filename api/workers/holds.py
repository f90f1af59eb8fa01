"""The keeper of holds: tells the loop what holds hosts now, and ends what is over by its time.

Holds end by the wall clock, at which people set them. A clock that jumps is looked at again within half a minute; what
ended by such a jump is not taken away until the clock has been steady for a while, so that a hold is there again when
the clock is put right. A break-glass permission is never on for longer than it was to be, wherever the clock goes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from prometheus_client import Counter, Gauge

from api.services import break_glass, holds, rollouts
from api.services.container import Services
from api.services.work import Actor, Work
from api.workers.enduring import turn
from reconciler.holds import Holds
from schema.holds import BreakGlass, HoldKind
from schema.time import SECOND, to_rfc3339

log = logging.getLogger("vigo.holds")

KEEPER: Final = Actor.system("holds")
TOPICS: Final = (holds.CHANGED, "revision.in_force", "envoy.revoked", rollouts.CHANGED)
LOOK_EVERY_S: Final = 30.0
AGAIN_S: Final = 5.0
JUMP_S: Final = 5.0
STEADY_S: Final = 600.0


class Keeper:
    """Keeps `services.holds` and the loop up to date."""

    def __init__(self, services: Services, tell: Callable[[Holds], None] | None = None) -> None:
        self._services = services
        self.tell = tell
        """Takes what holds hosts now whenever that has changed; for the loop, once there is one."""
        self._one_at_a_time = asyncio.Lock()
        self._offset: float | None = None
        self._steady_at = float("-inf")
        """Monotonic second from which on the clock counts as steady."""
        self._deadlines: dict[str, float] = {}
        """Id of a permission → monotonic second at which it ends at the latest."""
        registry = services.metrics.registry
        self._held = Gauge("vigo_holds", "Holds in force, by kind.", ["kind"], registry=registry)
        self._on = Gauge("vigo_break_glass", "Break-glass permissions that are on.", registry=registry)
        self._used = Counter(
            "vigo_break_glass_uses", "Commits that went through by a break-glass permission.", registry=registry
        )

    async def begin(self) -> Holds:
        """Read what holds hosts, before the loop moves the first of them."""
        now = await self._services.read(KEEPER, holds.snapshot)
        self._services.holds = now
        return now

    async def refresh(self) -> None:
        """Read what holds hosts, end what is over, and tell the loop of what is otherwise than before.

        Raises:
            Fault: the database does not answer.
        """
        async with self._one_at_a_time:
            await self._refresh()

    async def run(self) -> None:
        """Do so whenever something changes or ends, until cancelled."""
        services = self._services
        with services.events.listen(*TOPICS) as listener:
            coming = aiter(listener)
            event = asyncio.ensure_future(anext(coming))
            try:
                while True:
                    wait_s = await self._refreshed()
                    await asyncio.wait({event}, timeout=wait_s)
                    if event.done():
                        event = asyncio.ensure_future(anext(coming))
            finally:
                event.cancel()

    async def _refreshed(self) -> float:
        """Refresh; in how many seconds to do so again at the latest."""
        with turn(log, "holds cannot be kept") as this:
            await self.refresh()
        if this.failed:
            return AGAIN_S
        clock = self._services.clock
        change = self._services.holds.next_change(clock.now())
        until_s = LOOK_EVERY_S if change is None else (change - clock.now()) / SECOND
        return min(max(until_s, 0.0), LOOK_EVERY_S)

    async def _refresh(self) -> None:
        services = self._services
        steady = self._is_steady()
        stored = await services.read(KEEPER, _stored)
        now = services.clock.now()
        over = self._over(stored.glasses)
        if over or any(glass.until <= now for glass in stored.glasses):
            await services.write(KEEPER, lambda work: break_glass.end(work, over))
        if steady and len(stored.holds.in_force(now)) < len(stored.holds.holds):
            await services.write(KEEPER, holds.end)
        if stored.glasses:
            self._used.inc(await services.write(KEEPER, break_glass.use_in_force))
            await services.write(KEEPER, break_glass.use_for_approval)
        stored = await services.read(KEEPER, _stored)
        self._show(stored)
        if services.holds != stored.holds:
            services.holds = stored.holds
            if self.tell is not None:
                self.tell(stored.holds)

    def _show(self, stored: _Stored) -> None:
        now = self._services.clock.now()
        in_force = stored.holds.in_force(now)
        on = [glass for glass in stored.glasses if glass.until > now]
        for kind in HoldKind:
            self._held.labels(kind.value).set(sum(hold.kind is kind for hold in in_force))
        self._on.set(len(on))
        notice = _notice(on)
        if notice and notice != self._services.notice:
            log.warning("%s", notice)
        self._services.notice = notice

    def _is_steady(self) -> bool:
        """Whether the clock has not jumped for a while."""
        clock = self._services.clock
        mono = clock.monotonic()
        offset = clock.now() / SECOND - mono
        if self._offset is not None and abs(offset - self._offset) > JUMP_S:
            log.warning("the clock jumped by %.0f s; holds that end by it are kept for a while", offset - self._offset)
            self._steady_at = mono + STEADY_S
        self._offset = offset
        return mono >= self._steady_at

    def _over(self, glasses: list[BreakGlass]) -> frozenset[str]:
        """Ids of the permissions that were on as long as they may be, by the clock that nobody moves."""
        clock = self._services.clock
        mono, now = clock.monotonic(), clock.now()
        known = self._deadlines
        self._deadlines = {
            glass.id: known.get(glass.id, mono + min(glass.until - now, glass.until - glass.opened_at) / SECOND)
            for glass in glasses
        }
        return frozenset(glass_id for glass_id, at in self._deadlines.items() if at <= mono)


class _Stored:
    """What is stored at one time."""

    def __init__(self, work: Work) -> None:
        self.holds = holds.snapshot(work)
        self.glasses = holds.glasses_not_ended(work)


def _stored(work: Work) -> _Stored:
    return _Stored(work)


def _notice(glasses: list[BreakGlass]) -> str:
    if not glasses:
        return ""
    last = max(glasses, key=lambda glass: glass.until)
    more = f" (and {len(glasses) - 1} more)" if len(glasses) > 1 else ""
    text = f"break-glass is on until {to_rfc3339(last.until // SECOND * SECOND)}, opened by {last.opened_by}{more}"
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text)

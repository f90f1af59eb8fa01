"""The keeper of holds: who is told, what ends by its time, and what a clock that jumps does to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest

from api.services import break_glass, holds, revisions
from api.services.clock import SystemClock
from api.services.metrics import Metrics
from api.services.work import Work
from api.workers.holds import Keeper
from reconciler.holds import Holds
from schema.holds import BreakGlassOpen, Freeze
from schema.time import HOUR, MINUTE
from tests.server import FakeClock, Server

T = TypeVar("T")

COMMIT = "a" * 40
HOST = "web01.example.com"


class JumpingClock(FakeClock):
    """One whose wall can be moved without the time that passes."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def monotonic(self) -> float:
        return self.passed

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        self.passed += seconds

    def jump(self, seconds: float) -> None:
        super().advance(seconds)


class Kept:
    """A server, its keeper, and what the loop was told."""

    def __init__(self, server: Server) -> None:
        self.server, self.services = server, server.services
        self.clock = self.services.clock = JumpingClock()
        self.told: list[Holds] = []
        self.keeper = Keeper(self.services, self.told.append)
        self.do(self.keeper.begin)

    def do(self, work: Callable[[], object]) -> None:
        asyncio.run(work())  # type: ignore[arg-type]

    def refresh(self) -> None:
        self.do(self.keeper.refresh)

    def write(self, use_case: Callable[[Work], T]) -> T:
        return self.services.write_now(self.server.system, use_case)

    def freeze(self, *, hours: float) -> None:
        until = self.clock.now() + round(hours * HOUR)
        self.write(lambda work: holds.freeze(work, Freeze(freeze_until=until)))
        self.refresh()

    def open_glass(self, *, minutes: int) -> None:
        new = BreakGlassOpen(commit=COMMIT, until=self.clock.now() + minutes * MINUTE, reason="the certificate expires")
        self.write(lambda work: break_glass.open_(work, new))
        self.refresh()

    def is_held(self, commit: str | None = None) -> bool:
        return self.services.holds.on(HOST, self.clock.now(), commit) is not None

    def actions(self) -> list[str]:
        return [event["type"] for event in self.server.audit() if event["type"].startswith(("hold", "break"))]

    def metric(self, name: str, **labels: str) -> float | None:
        return self.services.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def kept(server: Server) -> Kept:
    return Kept(server)


def test_the_loop_is_told_of_what_changed_and_of_nothing_else(kept: Kept) -> None:
    kept.refresh()
    assert kept.told == []

    kept.freeze(hours=1)
    kept.refresh()
    assert [len(each.holds) for each in kept.told] == [1]
    assert kept.told[-1] == kept.services.holds
    assert kept.metric("vigo_holds", kind="freeze") == 1


def test_what_is_over_is_taken_away_with_an_entry_and_the_loop_is_told(kept: Kept) -> None:
    kept.freeze(hours=1)
    kept.clock.advance(3600)
    assert not kept.is_held()
    kept.refresh()

    assert [len(each.holds) for each in kept.told] == [1, 0]
    assert kept.actions() == ["hold_set", "hold_end"]
    assert kept.metric("vigo_holds", kind="freeze") == 0


def test_a_hold_that_a_jump_of_the_clock_ended_is_there_again_when_the_clock_is_put_right(kept: Kept) -> None:
    kept.freeze(hours=6)
    kept.clock.jump(12 * 3600)
    kept.refresh()
    assert not kept.is_held()
    assert kept.actions() == ["hold_set"]

    kept.clock.advance(60)
    kept.refresh()
    kept.clock.jump(-12 * 3600)
    kept.refresh()
    assert kept.is_held()


def test_a_clock_that_stays_where_it_jumped_ends_what_is_over(kept: Kept) -> None:
    kept.freeze(hours=6)
    kept.clock.jump(7 * 3600)
    kept.refresh()
    kept.clock.advance(601)
    kept.refresh()

    assert kept.actions() == ["hold_set", "hold_end"]


def test_a_clock_that_is_set_back_has_a_hold_last_as_much_longer_and_no_more(kept: Kept) -> None:
    kept.freeze(hours=1)
    kept.clock.jump(-1800)
    kept.refresh()
    kept.clock.advance(3600)
    kept.refresh()
    assert kept.is_held()
    kept.clock.advance(1800)
    kept.refresh()

    assert not kept.is_held()
    assert kept.actions() == ["hold_set", "hold_end"]


def test_a_permission_goes_through_loudly_and_ends(kept: Kept) -> None:
    kept.write(lambda work: revisions.record_in_force(work, commit=COMMIT, plan_root="0" * 64, compiled_ms=1.0))
    kept.freeze(hours=6)
    assert kept.is_held(COMMIT)

    kept.open_glass(minutes=30)
    assert not kept.is_held(COMMIT)
    assert kept.is_held("b" * 40)
    assert kept.services.notice == "break-glass is on until 2026-11-22T12:30:00Z, opened by test"
    assert (kept.metric("vigo_break_glass"), kept.metric("vigo_break_glass_uses_total")) == (1, 1)
    kept.refresh()
    kept.clock.advance(1800)
    kept.refresh()

    assert kept.is_held(COMMIT)
    assert kept.services.notice == ""
    assert kept.metric("vigo_break_glass") == 0
    assert kept.actions() == ["hold_set", "break_glass_open", "break_glass_use", "break_glass_end"]


def test_a_clock_that_is_set_back_does_not_keep_a_permission_on(kept: Kept) -> None:
    kept.freeze(hours=6)
    kept.open_glass(minutes=30)
    kept.clock.jump(-3 * 3600)
    kept.refresh()
    assert not kept.is_held(COMMIT)
    kept.clock.advance(1800)
    kept.refresh()

    assert kept.is_held(COMMIT)
    assert kept.actions()[-1] == "break_glass_end"


def test_a_keeper_that_begins_after_the_clock_was_set_back_bounds_a_permission_as_well(kept: Kept) -> None:
    kept.freeze(hours=6)
    kept.open_glass(minutes=30)
    kept.clock.jump(-3 * 3600)
    kept.services.metrics = Metrics()
    later = Keeper(kept.services, kept.told.append)
    kept.do(later.refresh)
    kept.clock.advance(1801)
    kept.do(later.refresh)

    assert kept.actions()[-1] == "break_glass_end"


def test_a_running_keeper_hears_of_changes_and_wakes_when_one_ends(server: Server) -> None:
    async def scene() -> list[int]:
        services = server.services
        services.clock = SystemClock()
        told: list[int] = []
        seen = asyncio.Event()

        def tell(now: Holds) -> None:
            told.append(len(now.holds))
            seen.set()

        keeper = Keeper(services, tell)
        await keeper.begin()
        running = asyncio.create_task(keeper.run())
        until = services.clock.now() + 300_000
        await services.write(server.system, lambda work: holds.freeze(work, Freeze(freeze_until=until)))
        async with asyncio.timeout(20):
            while len(told) < 2:
                seen.clear()
                await seen.wait()
        running.cancel()
        return told

    assert asyncio.run(scene()) == [1, 0]

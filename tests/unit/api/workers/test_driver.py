"""The driver: what the loop wants done is done, in as few transactions as it can be, and one failure is one failure."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import pytest

from api.workers.driver import Driver
from reconciler.loop import Limits, effects, events
from reconciler.ports import Assigned, Desired, Order
from reconciler.rollout.terms import Patience
from schema.errors import Fault, NotFound, Unavailable
from schema.protocol.reports import RunStatus


class WallClock:
    def now(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


class OnePlan:
    """A commit under which every host is to be the same."""

    plan_root = "0" * 64

    staged = False

    def __init__(self, commit: str) -> None:
        self.commit = commit

    def desired(self, hostnames: Iterable[str], /) -> Mapping[str, Desired | None]:
        return {hostname: Desired("p", f"catalog of {self.commit}") for hostname in hostnames}


class MemoryPerformer:
    """Does everything at once, and remembers it. What is in `failing` fails as often as it says."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.batches: list[int] = []
        self.pushed: list[tuple[str, Order]] = []
        self.failing: dict[str, list[Fault | Exception]] = {}
        self.generations: dict[str, int] = {}
        self.refusing: set[str] = set()
        self.retained: frozenset[str] = frozenset()

    def _do(self, what: str) -> None:
        self.did.append(what)
        if self.failing.get(what):
            raise self.failing[what].pop()

    async def compile(self, effect: effects.Compile) -> events.Event:
        self._do(f"compile {effect.commit}")
        return events.Compiled(OnePlan(effect.commit))

    def abandon(self, effect: effects.Abandon) -> None:
        self.did.append(f"abandon {effect.commit}")

    async def put_in_force(self, effect: effects.PutInForce) -> events.Event:
        self._do(f"publish {effect.commit}")
        return events.InForce(effect.commit)

    async def record_failure(self, effect: effects.RecordFailure) -> events.Event:
        self._do(f"record {effect.commit}")
        return events.Recorded(effect.commit)

    async def assign(self, wishes: list[effects.Assign]) -> list[events.Event]:
        self.batches.append(len(wishes))
        self._do("assign")
        made: list[events.Event] = []
        for wish in wishes:
            if wish.envoy_id in self.refusing:
                made.append(events.Faulted.of(wish, NotFound("gone")))
                continue
            generation = self.generations[wish.envoy_id] = self.generations.get(wish.envoy_id, 0) + 1
            now = time.time_ns() // 1000
            assigned = Assigned(
                Order(1, generation),
                f"{generation}",
                wish.commit,
                wish.desired.catalog_sha256,
                wish.plan_root,
                "",
                now,
                now + 10**12,
            )
            made.append(events.AssignmentMade(wish.envoy_id, assigned))
        return made

    async def push(self, pushes: list[effects.Push]) -> list[events.Event]:
        self._do("push")
        self.pushed += [(push.envoy_id, push.order) for push in pushes]
        return [events.Pushed(push.envoy_id, push.order) for push in pushes]

    async def plan_rollout(self, effect: effects.PlanRollout) -> events.Event:
        raise NotImplementedError(effect)

    async def keep_rollout(self, effect: effects.KeepRollout) -> events.Event:
        return events.RolloutKept(effect.rollout_id, effect.version)

    async def check_health(self, effect: effects.CheckHealth) -> events.Event:
        raise NotImplementedError(effect)

    async def probe(self, effect: effects.Probe) -> events.Event:
        raise NotImplementedError(effect)

    async def go_back(self, effect: effects.GoBack) -> events.Event:
        raise NotImplementedError(effect)

    async def recall(self, effect: effects.Recall) -> events.Event:
        raise NotImplementedError(effect)

    def retain(self, effect: effects.Retain) -> None:
        self.retained = effect.commits


def play(story: Callable[[Driver, MemoryPerformer], Awaitable[Any]], **options: Any) -> MemoryPerformer:
    """Run a story beside a driver over memory."""

    async def main() -> MemoryPerformer:
        performer = MemoryPerformer()
        driver = Driver(performer, clock=WallClock(), in_force=None, secrets={}, **({"limits": WIDE} | options))
        try:
            await asyncio.wait_for(story(driver, performer), 60)
        finally:
            await driver.stop()
        return performer

    return asyncio.run(main())


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - what is looked at tells nobody
            await asyncio.sleep(0.002)


def connect(driver: Driver, count: int, *, first: int = 0) -> None:
    for number in range(first, first + count):
        driver.tell(events.EnvoyConnected(f"e{number}", f"h{number}.example.com", number + 1, None, None))


ALL_AT_ONCE = Patience(ramp_least=1_000)
WIDE = Limits(rollouts=ALL_AT_ONCE)
QUICK = Limits(back_off_s=0.01, back_off_cap_s=0.02, envoy_back_off_cap_s=0.02, rollouts=ALL_AT_ONCE)


def test_a_commit_reaches_all_who_are_connected_in_few_transactions() -> None:
    async def story(driver: Driver, performer: MemoryPerformer) -> None:
        connect(driver, 100)
        driver.tell(events.RefMoved("c1"))
        await until(lambda: len(performer.pushed) == 100)
        assert performer.batches == [100]
        driver.tell(events.RefMoved("c2"))
        await until(lambda: len(performer.pushed) == 200)
        assert performer.batches == [100, 100]
        assert (await driver.until(lambda status: status.in_force == "c2")).pending is None

    performer = play(story)
    assert performer.did[:3] == ["compile c1", "publish c1", "assign"]
    assert {order for _, order in performer.pushed[100:]} == {Order(1, 2)}


def test_more_than_fit_at_once_are_assigned_in_batches_that_fit() -> None:
    async def story(driver: Driver, performer: MemoryPerformer) -> None:
        connect(driver, 50)
        driver.tell(events.RefMoved("c1"))
        await until(lambda: len(performer.pushed) == 50)

    performer = play(story, limits=Limits(rollouts=ALL_AT_ONCE, assigning=20))
    assert performer.batches == [20, 20, 10]


def test_what_comes_due_while_a_transaction_is_under_way_goes_into_the_next() -> None:
    async def story(driver: Driver, performer: MemoryPerformer) -> None:
        driver.tell(events.RefMoved("c1"))
        await driver.until(lambda status: status.in_force == "c1")
        for number in range(50):  # each arrives for itself, and makes one assignment due
            connect(driver, 1, first=number)
        await until(lambda: len(performer.pushed) == 50)

    assert play(story, limits=Limits(rollouts=ALL_AT_ONCE)).batches == [50]


def test_what_is_silent_now_is_tried_again() -> None:
    async def story(driver: Driver, performer: MemoryPerformer) -> None:
        for what in ("compile c1", "publish c1", "assign", "push"):
            performer.failing[what] = [Unavailable("not now"), Unavailable("not now")]
        connect(driver, 3)
        driver.tell(events.RefMoved("c1"))
        await until(lambda: {envoy for envoy, _ in performer.pushed} == {"e0", "e1", "e2"})

    performer = play(story, limits=QUICK)
    assert performer.did.count("publish c1") == 3
    assert not any(performer.failing.values())


def test_one_envoy_that_cannot_be_assigned_holds_up_no_other() -> None:
    async def story(driver: Driver, performer: MemoryPerformer) -> None:
        performer.refusing = {"e1"}
        connect(driver, 3)
        driver.tell(events.RefMoved("c1"))
        await until(lambda: len(performer.pushed) == 2)
        assert driver.stalled("e1") == "gone"
        assert driver.stalled("e0") == ""

    assert {envoy for envoy, _ in play(story, limits=QUICK).pushed} == {"e0", "e2"}


def test_a_bug_in_performing_is_logged_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def story(driver: Driver, performer: MemoryPerformer) -> None:
        performer.failing["push"] = [RuntimeError("a bug")]
        connect(driver, 2)
        driver.tell(events.RefMoved("c1"))
        await until(lambda: "push" in performer.did)
        driver.tell(events.RefMoved("c2"))
        await driver.until(lambda status: status.in_force == "c2")

    play(story, limits=QUICK)
    assert "Push failed, 2 at once" in caplog.text


def test_reports_that_were_stored_together_are_judged_together() -> None:
    async def story(driver: Driver, performer: MemoryPerformer) -> None:
        connect(driver, 1_500)
        driver.tell(events.RefMoved("c1"))
        await until(lambda: len(performer.pushed) == 1_000)
        batches = len(performer.batches)
        for number in range(1_000):
            order = Order(1, 1)
            driver.tell(
                events.Reported(f"e{number}", order, "1", "c1", RunStatus.CONVERGED, dry_run=False, stale=False)
            )
        await until(lambda: len(performer.pushed) == 1_500)
        assert performer.batches[batches:] == [500]

    play(story)


def test_after_stop_nothing_begins() -> None:
    async def story(driver: Driver, performer: MemoryPerformer) -> None:
        connect(driver, 1)
        waiting = asyncio.create_task(driver.until(lambda status: False))
        await asyncio.sleep(0)
        await driver.stop()
        driver.tell(events.RefMoved("c1"))
        await asyncio.sleep(0.02)
        assert performer.did == []
        assert waiting.cancelled() or waiting.done()

    play(story)

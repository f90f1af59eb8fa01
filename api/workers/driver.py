"""The driver: feeds the loop's core with what happens, and has its effects performed."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final, Protocol, TypeVar

from reconciler.loop import Limits, LoopCore, Moment, effects, events
from reconciler.loop.core import LoopStatus
from reconciler.loop.past import Past
from reconciler.rollout.execution import Execution
from schema.errors import Fault
from schema.time import Clock

log = logging.getLogger("vigo.loop")

E = TypeVar("E", effects.Assign, effects.Push)

SLOW_HANDLE_S: Final = 0.1
GATHER_S: Final = 0.02
"""Transactions of few assignments are so far apart. Each has its own statements and its own way to the disk, which take
more of the processor than twenty assignments."""
ENOUGH: Final = 64
"""So many assignments wait for no others."""


class Performer(Protocol):
    """Performs effects. Each answers with events; a `Fault` becomes `Faulted`, anything else is a bug."""

    async def compile(self, effect: effects.Compile) -> events.Event:
        """Compile a commit."""
        ...

    def abandon(self, effect: effects.Abandon) -> None:
        """Stop a compile if that can be done."""
        ...

    async def put_in_force(self, effect: effects.PutInForce) -> events.Event:
        """Sign, have at hand, record."""
        ...

    async def record_failure(self, effect: effects.RecordFailure) -> events.Event:
        """Record why a commit is not in force."""
        ...

    async def assign(self, wishes: list[effects.Assign]) -> list[events.Event]:
        """Make assignments, as many as come at once in one transaction; an event for each, in order."""
        ...

    async def push(self, pushes: list[effects.Push]) -> list[events.Event]:
        """Hand envoys their assignments; an event for each, but for those that only time will answer."""
        ...

    async def plan_rollout(self, effect: effects.PlanRollout) -> events.Event:
        """Make a plan of how the commit in force reaches the hosts."""
        ...

    async def keep_rollout(self, effect: effects.KeepRollout) -> events.Event:
        """Write down how far a rollout is."""
        ...

    async def check_health(self, effect: effects.CheckHealth) -> events.Event:
        """Ask whether all is well after a wave."""
        ...

    async def probe(self, effect: effects.Probe) -> events.Event:
        """Have a host run the command of a health check."""
        ...

    async def go_back(self, effect: effects.GoBack) -> events.Event:
        """Take a change back by a commit."""
        ...

    async def recall(self, effect: effects.Recall) -> events.Event:
        """Have a commit from before at hand."""
        ...

    def retain(self, effect: effects.Retain) -> None:
        """Let go of what is not to be at hand."""
        ...


class Driver:
    """One loop, running. Lives in the event loop's thread; `tell` may be called from nowhere else."""

    def __init__(
        self,
        performer: Performer,
        *,
        clock: Clock,
        in_force: str | None,
        secrets: Mapping[str, int],
        limits: Limits | None = None,
        past: Past | None = None,
    ) -> None:
        self._performer = performer
        self._clock = clock
        self._core = LoopCore(in_force=in_force, secrets=secrets, random=random.random, limits=limits, past=past)
        self._inbox: list[events.Event] = []
        self._handling = self._heeding = False
        self._wishes: dict[str, effects.Assign] = {}
        """By envoy: one that has waited so long that it is asked for again is made once."""
        self._assigning = False
        self._assigned_at = -GATHER_S
        self._pushes: list[effects.Push] = []
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: list[tuple[Callable[[LoopStatus], bool], asyncio.Future[LoopStatus]]] = []
        self._stopped = False

    def tell(self, event: events.Event) -> None:
        """Something happened: judge it, and begin what follows from it. A report is judged at the end of this turn of
        the event loop, with those that were stored with it."""
        self._inbox.append(event)
        if not isinstance(event, events.Reported):
            self._heed()
        elif not self._heeding:
            self._heeding = True
            asyncio.get_running_loop().call_soon(self._heed)

    def _heed(self) -> None:
        """Judge what was told, all of it together."""
        if self._handling or self._stopped:
            return  # told from within a judgement: its turn comes below
        self._handling, self._heeding = True, False
        try:
            while self._inbox:
                told, self._inbox = self._inbox, []
                self._judge(told)
        finally:
            self._handling = False
        self._push()
        self._assign()
        self._wake_waiting()

    def status(self) -> LoopStatus:
        """What the loop is at."""
        return self._core.status(self._now())

    def stalled(self, envoy_id: str) -> str:
        """Why a connected envoy has no newer assignment; empty when nothing is in the way."""
        return self._core.stalled(envoy_id)

    def refuses(self, envoy_id: str) -> str:
        """That an envoy has not taken its newest assignment; empty otherwise."""
        return self._core.refuses(envoy_id)

    def awaited(self, envoy_id: str) -> str | None:
        """The catalog that a connected envoy is to be brought to now; None where nothing new is due."""
        return self._core.awaited(envoy_id)

    @property
    def pressing(self) -> bool:
        """Whether anything is to be made for envoys or handed to them."""
        return self._core.pressing

    @property
    def rollout(self) -> Execution | None:
        """The rollout of the commit in force; None before it is planned, and when it is through."""
        return self._core.rollout

    async def until(self, holds: Callable[[LoopStatus], bool]) -> LoopStatus:
        """Wait until something holds of the loop's status; answers that status, in which no envoys are counted: it is
        looked at after each event."""
        status = self._core.status(self._now(), counted=False)
        if holds(status):
            return status
        future: asyncio.Future[LoopStatus] = asyncio.get_running_loop().create_future()
        self._waiting.append((holds, future))
        return await future

    async def stop(self) -> None:
        """Begin nothing any more, and end what is under way."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _, future in self._waiting:
            future.cancel()

    def _judge(self, told: list[events.Event]) -> None:
        begun = self._clock.monotonic()
        todo = self._core.handle_all(told, self._now())
        took = self._clock.monotonic() - begun
        if took > SLOW_HANDLE_S:
            names = Counter(type(event).__name__ for event in told)
            said = ", ".join(f"{count} {name}" for name, count in names.items())
            log.warning("%s took %.0f ms to judge", said, took * 1000)
        for effect in todo:
            self._perform(effect)

    def _perform(self, effect: effects.Effect) -> None:  # noqa: C901 - one line for each effect there is
        match effect:
            case effects.Compile():
                self._begin(effect, self._performer.compile(effect))
            case effects.PutInForce():
                self._begin(effect, self._performer.put_in_force(effect))
            case effects.RecordFailure():
                self._begin(effect, self._performer.record_failure(effect))
            case effects.Push():
                self._pushes.append(effect)
            case effects.Assign():
                self._wishes[effect.envoy_id] = effect
            case effects.PlanRollout():
                self._begin(effect, self._performer.plan_rollout(effect))
            case effects.KeepRollout():
                self._begin(effect, self._performer.keep_rollout(effect))
            case effects.CheckHealth():
                self._begin(effect, self._performer.check_health(effect))
            case effects.Probe():
                self._begin(effect, self._performer.probe(effect))
            case effects.GoBack():
                self._begin(effect, self._performer.go_back(effect))
            case effects.Recall():
                self._begin(effect, self._performer.recall(effect))
            case effects.Abandon():
                self._performer.abandon(effect)
            case effects.Retain():
                self._performer.retain(effect)
            case effects.WakeAt(mono):
                self._wake_at(mono)

    def _begin(
        self,
        effect: effects.Answered,
        work: Coroutine[Any, Any, events.Event],
    ) -> None:
        async def run() -> None:
            try:
                event = await work
            except Fault as fault:
                event = events.Faulted.of(effect, fault)
            except Exception:
                log.exception("%s failed", type(effect).__name__)
                return  # an answer that never comes is a fault after the time of the core's limits
            self.tell(event)

        self._keep(asyncio.create_task(run()))

    def _push(self) -> None:
        """What came due together is handed out by one task."""
        if self._pushes:
            pushes, self._pushes = self._pushes, []
            self._keep(asyncio.create_task(self._push_all(pushes)))

    async def _push_all(self, pushes: list[effects.Push]) -> None:
        answers = await self._answers(pushes, self._performer.push)
        self._inbox += answers
        self._heed()

    def _assign(self) -> None:
        """What is due is made in one transaction, and what comes due meanwhile in the next: of a fleet that follows a
        commit, each answer makes one or two due."""
        if self._wishes and not self._assigning:
            self._assigning = True
            self._keep(asyncio.create_task(self._assign_all()))

    async def _assign_all(self) -> None:
        # A task begins after all that is ready now: answers that came together are judged by then.
        wait_s = self._assigned_at + GATHER_S - self._clock.monotonic()
        if wait_s > 0 and len(self._wishes) < ENOUGH:
            await asyncio.sleep(wait_s)
        wishes, self._wishes = list(self._wishes.values()), {}
        made = await self._answers(wishes, self._performer.assign)
        self._assigning, self._assigned_at = False, self._clock.monotonic()
        self._inbox += made
        self._heed()

    async def _answers(
        self, asked: list[E], perform: Callable[[list[E]], Awaitable[list[events.Event]]]
    ) -> list[events.Event]:
        """What becomes of effects that are performed together."""
        try:
            return await perform(asked)
        except Fault as fault:
            return [events.Faulted.of(effect, fault) for effect in asked]
        except Exception:
            log.exception("%s failed, %d at once", type(asked[0]).__name__, len(asked))
            return []

    def _wake_at(self, mono: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        delay = max(0.0, mono - self._clock.monotonic())
        self._timer = asyncio.get_running_loop().call_later(delay, self.tell, events.Tick())

    def _wake_waiting(self) -> None:
        if not self._waiting:
            return
        status = self._core.status(self._now(), counted=False)
        still = []
        for holds, future in self._waiting:
            if future.done():
                continue
            if holds(status):
                future.set_result(status)
            else:
                still.append((holds, future))
        self._waiting = still

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _now(self) -> Moment:
        return Moment(self._clock.now(), self._clock.monotonic())

"""Commits: from the tip of the tracked ref to a plan in force, one at a time.

The part of the core that decides what is desired. It never looks at an envoy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reconciler.loop.effects import Abandon, Compile, Effect, PutInForce, RecordFailure
from reconciler.loop.events import Faulted
from reconciler.loop.limits import Limits, back_off_s, wait_s
from reconciler.ports import Plan
from schema.diagnostics import Diagnostic
from schema.errors import Next
from schema.revisions import RevisionState

MAX_TIMEOUT_WAITS: Final = 10
"""A commit that ran out of time is tried again after once, twice ... and at most so many times what it was given."""

MAX_UNANSWERED: Final = 5
"""How often it is asked to put a plan in force without an answer, before a newer commit has its turn."""


class Stage(StrEnum):
    """What is being done about a commit."""

    COMPILE = "compile"
    PUBLISH = "publish"


@dataclass(slots=True)
class _Work:
    stage: Stage
    commit: str
    restore: bool
    deadline: float
    plan: Plan | None = None
    """To publish; it is asked for once `begun`."""
    begun: bool = False
    attempts: int = 0
    not_before: float = 0.0


@dataclass(slots=True)
class _Retry:
    attempts: int = 0
    not_before: float = 0.0


class Commits:
    """The commit in force, the tip, and what is under way between them. Times are monotonic seconds."""

    def __init__(self, *, in_force: str | None, limits: Limits, random: Callable[[], float]) -> None:
        self.in_force = in_force
        self.plan: Plan | None = None
        """Of the commit in force; None before it is compiled in this process."""
        self.tip: str | None = None
        self.failure: RecordFailure | None = None
        """Why the tip, or the last commit that was judged, is not in force."""
        self._limits: Final = limits
        self._random: Final = random
        self._work: _Work | None = None
        self._judged: str | None = None
        self._accepted: str | None = None
        self._lost = False
        """The commit in force cannot be compiled any more: its objects are gone, or its secrets."""
        self._retries: dict[str, _Retry] = {}
        self._unrecorded: RecordFailure | None = None
        self._recording: tuple[RecordFailure, float] | None = None
        self._record_retry = _Retry()

    @property
    def stage(self) -> tuple[Stage, str] | None:
        """What is under way: stage and commit."""
        return (self._work.stage, self._work.commit) if self._work is not None else None

    @property
    def pending(self) -> str | None:
        """The tip, where it is still to be judged."""
        working = self._work.commit if self._work is not None else None
        return self.tip if self.tip not in {self._judged, working} else None

    def moved(self, commit: str) -> None:
        """The ref names this commit."""
        if commit != self.tip:
            self.tip = commit
            self._retries = {known: retry for known, retry in self._retries.items() if known == self.in_force}

    def accepted(self, commit: str) -> None:
        """An operator takes it as it is."""
        self._accepted = commit
        self.judge_again()

    def judge_again(self) -> None:
        """The tip may be judged otherwise now: what it was judged by has changed."""
        self._lost = False
        self._retries.clear()
        if self.failure is not None:
            self._judged = None

    def compiled(self, plan: Plan, now: float) -> None:
        """A plan is made."""
        if self._is_at(Stage.COMPILE, plan.commit):
            assert self._work is not None
            self._publish(plan, now, restore=self._work.restore)

    def compile_failed(self, commit: str, state: RevisionState, diagnostics: tuple[Diagnostic, ...]) -> None:
        """No plan can be made of it."""
        if self._is_at(Stage.COMPILE, commit):
            self._condemn(RecordFailure(commit, state, diagnostics))

    def put_in_force(self, commit: str) -> Plan | None:
        """It is on record; the plan that everybody is to be brought to from now on, if this was asked for."""
        if not self._is_at(Stage.PUBLISH, commit):
            return None
        assert self._work is not None
        work, self._work = self._work, None
        self.in_force, self.plan, self._lost = commit, work.plan, False
        self._retries.pop(commit, None)
        if not work.restore:
            self._judged, self._accepted, self.failure = commit, None, None
            self._unrecorded = None
        return self.plan

    def recorded(self, commit: str) -> None:
        """The failure is on record."""
        if self._recording is not None and self._recording[0].commit == commit:
            if self._unrecorded == self._recording[0]:
                self._unrecorded = None
            self._recording, self._record_retry = None, _Retry()

    def faulted(self, fault: Faulted, now: float) -> None:
        """An effect on a commit could not be performed."""
        effect = fault.effect
        if isinstance(effect, RecordFailure):
            if self._recording is not None and self._recording[0] == effect:
                self._recording = None
                self._put_off(self._record_retry, fault.next, fault.retry_after_s, now)
            return
        if not isinstance(effect, Compile | PutInForce):
            return
        stage = Stage.COMPILE if isinstance(effect, Compile) else Stage.PUBLISH
        if not self._is_at(stage, effect.commit):
            return
        assert self._work is not None
        if self._work.attempts:
            # It was asked for before, without an answer: this fault does not say that it is not in force.
            self._publish_again(self._work, now)
        elif fault.next in {Next.NEVER, Next.ON_COMMIT}:
            complaint = Diagnostic(code=fault.code, file="", message=fault.message)
            self._condemn(RecordFailure(effect.commit, RevisionState.FAILED, (complaint,)))
        else:
            self._work = None
            self._put_off(self._retries.setdefault(effect.commit, _Retry()), fault.next, fault.retry_after_s, now)

    def drive(self, now: float) -> list[Effect]:
        """What to do next."""
        effects: list[Effect] = self._expire(now)
        if self._work is None:
            effects += self._begin(now)
        # One record at a time: which of the two is newest in it says whether all is well.
        work = self._work
        if work is not None and work.plan is not None and self._may_publish(work) and now >= work.not_before:
            work.begun, work.deadline = True, now + self._limits.record_s
            effects.append(PutInForce(work.plan, work.restore))
        if self._unrecorded is not None and self._may_record() and now >= self._record_retry.not_before:
            self._recording = self._unrecorded, now + self._limits.record_s
            effects.append(self._unrecorded)
        return effects

    def wake_at(self) -> float | None:
        """When `drive` will have something to do though nothing happens."""
        work = self._work
        times: list[float] = []
        if work is None:
            times += [self._retry(commit).not_before for commit, _ in self._candidates()]
        elif work.plan is None or work.begun:
            times.append(work.deadline)
        elif self._may_publish(work):
            times.append(work.not_before)
        if self._recording is not None:
            times.append(self._recording[1])
        elif self._unrecorded is not None and self._may_record():
            times.append(self._record_retry.not_before)
        return min(times, default=None)

    def _may_publish(self, work: _Work) -> bool:
        return not work.begun and self._recording is None

    def _may_record(self) -> bool:
        return self._recording is None and (self._work is None or not self._work.begun)

    def _candidates(self) -> list[tuple[str, bool]]:
        """Commits that have something to be done about, most urgent first; and whether only to restore."""
        found = []
        if self.in_force is not None and self.plan is None and not self._lost:
            found.append((self.in_force, True))
        if self.tip is not None and self.tip != self._judged and (self.tip, True) not in found:
            found.append((self.tip, False))
        return found

    def _begin(self, now: float) -> list[Effect]:
        for commit, restore in self._candidates():
            if now < self._retry(commit).not_before:
                continue
            if self.plan is not None and commit == self.plan.commit:
                # The ref went back to what is in force, from a commit that had failed: that is to be on record.
                self._publish(self.plan, now, restore=False)
                return []
            base = None if restore or commit == self._accepted else self.in_force
            self._work = _Work(Stage.COMPILE, commit, restore, now + self._limits.compile_s)
            return [Compile(commit, base, restore)]
        return []

    def _publish(self, plan: Plan, now: float, *, restore: bool) -> None:
        # What nothing newer was judged after is told to the record all the same: the ref may have come back to it.
        restore = restore and plan.commit != self.tip
        self._work = _Work(Stage.PUBLISH, plan.commit, restore, now + self._limits.record_s, plan)

    def _publish_again(self, work: _Work, now: float) -> None:
        """No answer: it may be in force by now. Until that is known, nothing else is judged by what was before."""
        limits = self._limits
        work.attempts += 1
        if work.attempts >= MAX_UNANSWERED:
            self._work = None
            self._put_off(self._retries.setdefault(work.commit, _Retry()), Next.BACK_OFF, None, now)
            return
        wait = back_off_s(work.attempts, base_s=limits.back_off_s, cap_s=limits.back_off_cap_s, random=self._random)
        work.begun, work.not_before = False, now + wait

    def _condemn(self, failure: RecordFailure) -> None:
        assert self._work is not None
        restore, self._work = self._work.restore, None
        self._retries.pop(failure.commit, None)
        if restore:
            self._lost = True
            if failure.commit != self.tip:
                return
        self._judged = failure.commit
        self._fail(failure)

    def _fail(self, failure: RecordFailure) -> None:
        self.failure = self._unrecorded = failure
        self._record_retry = _Retry()

    def _expire(self, now: float) -> list[Effect]:
        if self._recording is not None and now >= self._recording[1]:
            self._recording = None
            self._put_off(self._record_retry, Next.BACK_OFF, None, now)
        work = self._work
        if work is None or now < work.deadline or (work.plan is not None and not work.begun):
            return []
        if work.plan is not None:
            self._publish_again(work, now)
            return []
        # Perhaps the commit is at fault, perhaps the machine. It is on record as failed, and tried again when there is
        # nothing newer.
        limits = self._limits
        retry = self._retries.setdefault(work.commit, _Retry())
        retry.attempts += 1
        retry.not_before = now + limits.compile_s * min(retry.attempts, MAX_TIMEOUT_WAITS) * (0.5 + self._random() / 2)
        self._work = None
        if not work.restore:
            message = f"compiling took longer than {limits.compile_s:g} s"
            complaint = Diagnostic(code="loop.compile-timeout", file="", message=message)
            self._fail(RecordFailure(work.commit, RevisionState.FAILED, (complaint,)))
        return [Abandon(work.commit)]

    def _is_at(self, stage: Stage, commit: str) -> bool:
        return self._work is not None and (self._work.stage, self._work.commit) == (stage, commit)

    def _retry(self, commit: str) -> _Retry:
        return self._retries.get(commit) or _Retry()

    def _put_off(self, retry: _Retry, kind: Next, retry_after_s: float | None, now: float) -> None:
        retry.attempts += 1
        limits = self._limits
        wait = wait_s(
            kind if kind in {Next.AFTER, Next.BACK_OFF} else Next.BACK_OFF,
            retry_after_s,
            retry.attempts,
            base_s=limits.back_off_s,
            cap_s=limits.back_off_cap_s,
            random=self._random,
        )
        retry.not_before = now + (wait or 0.0)

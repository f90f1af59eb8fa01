"""Execution: a plan is carried out wave by wave, and stops by itself. A state machine without I/O, clock or randomness.

What it keeps true, whatever comes in whatever order:

- No host is released before its wave has begun, and no wave begins before those before it are through, people have
  approved, a window is open, and its beginning is on record.
- A host is judged by what it reports under an assignment that this rollout gave it, and by nothing else.
- When more hosts of a wave have failed than it may cost, nothing more is released, whatever the wave is at. Beyond the
  budget there are only those that were at it already: at most as many as the wave has places.

Waves without `max_in_flight` have places all the same, so that there is something left to protect when all of a fleet
would fail: a tenth of the wave, at least `ramp_least`; each host that is healthy gives its place back and opens
`ramp_more`, one that fails closes as many again, and one that has not answered within `place_s` gives it back unjudged.
A fleet that answers as fast as it is released hardly waits for a place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from reconciler.rollout import windows
from reconciler.rollout.hosts import Host, HostState, Wave
from reconciler.rollout.judging import ASKING, Judging
from reconciler.rollout.terms import Check, GoBack, Patience, Release, Step, Verdict
from schema.progress import MAX_FAILURES, WHOLE_PLAN, Asked, HostFailure, Progress
from schema.rollouts import PlannedWave, RolloutPlan, RolloutState, WaveState
from schema.time import DAY, SECOND

if TYPE_CHECKING:
    from reconciler.loop.moments import Moment


LOOK_AGAIN: Final = DAY
"""Microseconds after which it is looked again whether a window is open that does not open soon."""


class Execution(Judging):
    """One rollout under way. Bounded by the hosts of the plan that are connected or were released.

    Args:
        everyone: one wave, of all whom it changes: hosts that are in no wave join the first.
        progress: how far it was when it was written down last, as which version.
        verdicts: hostname → what is known of hosts that were released before a restart.
    """

    def __init__(
        self,
        plan: RolloutPlan,
        *,
        now: Moment,
        patience: Patience,
        everyone: bool = False,
        progress: Progress | None = None,
        version: int = 0,
        asked: Asked | None = None,
        verdicts: Mapping[str, Verdict] | None = None,
    ) -> None:
        super().__init__(plan, patience=patience, everyone=everyone, version=version, asked=asked or Asked())
        self.why = ""
        self.went_back_to: str | None = None
        self._retries = 0
        self._ended_at: int | None = None
        self._wake_wall: int | None = None
        self._check_until: float | None = None
        self._going_back = False
        self._again: Final[list[str]] = []
        if progress is not None:
            self._resume(progress, verdicts or {}, now)
        elif everyone:
            self._waves[0].began_at, self._waves[0].state = now.wall, WaveState.RUNNING
        elif plan.violations:
            first = plan.violations[0]
            self._end(RolloutState.BLOCKED, f"an invariant would not hold: {first}", now)
        else:
            self.version += 1

    # what is asked of it

    @property
    def approved(self) -> bool:
        """Whether as many people have approved the plan as it asks for."""
        return not self.plan.require_approval or self._asked.approvals.get(WHOLE_PLAN, 0) >= self.plan.approvals

    def missing(self, wave: PlannedWave) -> int:
        """How many people have yet to approve a wave."""
        return max(0, wave.approvals - self._asked.approvals.get(wave.index, 0))

    def progress(self) -> Progress:
        """How far it is, to be written down."""
        failures = tuple(self._failures.values())
        return Progress(
            state=self.state,
            why=self.why,
            waves=self.waves(),
            failures=failures[:MAX_FAILURES],
            failures_left_out=max(0, len(failures) - MAX_FAILURES),
            retries=self._retries,
            ended_at=self._ended_at,
            went_back_to=self.went_back_to,
        )

    # what happens

    def asked(self, asked: Asked) -> None:
        """What people want of it, all of it."""
        self._asked = asked

    def checked(self, wave: int, failed: str, now: Moment) -> None:
        """The health after a wave is known; `failed` says what is not well."""
        found = self._waves[wave]
        if found.state is not WaveState.CHECKING or not found.asking:
            return
        found.asking, self._check_until = False, None
        if failed:
            self._fail(found, failed, now)
        else:
            self._rest(found, now)

    def went_back(self, commit: str | None, why: str, now: Moment) -> None:
        """The commit that takes the change back is there, or cannot be made."""
        if self.state is not RolloutState.REVERTING:
            return
        self.went_back_to = commit
        if commit is not None:
            self._end(RolloutState.REVERTED, self.why, now)
        else:
            self._end(RolloutState.STOPPED, f"{self.why}; it could not be taken back: {why}", now)

    def cancel(self, why: str, now: Moment) -> None:
        """Nothing more of it is to happen."""
        if self.finished:
            return
        self._probing.clear()
        for wave in self._waves:
            if wave.ended_at is None:
                wave.state, wave.ended_at = WaveState.CANCELLED, now.wall
        self._end(RolloutState.CANCELLED, why, now)

    def drive(self, now: Moment) -> list[Step]:
        """What to do next."""
        self._heed(now)
        steps: list[Step] = []
        if self.state is RolloutState.REVERTING and not self._going_back and self.kept >= self.version:
            self._going_back = True
            steps.append(GoBack())
        if self.finished:
            return steps
        self._expire(now)
        if self.state in ASKING:
            steps += self._probes(now)
        if self.state is RolloutState.RUNNING:
            steps += self._advance(now)
        return steps

    def wake_at(self, now: Moment) -> float | None:
        """When `drive` will have something to do though nothing happens (monotonic seconds)."""
        if self.finished:
            return None
        times: list[float] = []
        if self._wake_wall is not None and self.state is RolloutState.RUNNING:
            times.append(now.mono_at(self._wake_wall))
        if self._check_until is not None:
            times.append(self._check_until)
        if self.state in ASKING and (at := self._probing.wake_at()) is not None:
            times.append(at)
        for wave in self._waves:
            if not wave.begun:
                break
            self._trim(wave)
            if wave.placed:
                times.append(wave.placed[0][0] + self._patience.answer_s)
            if wave.ramp and wave.queue:
                times.append(wave.ramp[0][0] + self._patience.place_s)
            if wave.gone:
                times.append(wave.gone[0][0] + self._patience.offline_s)
            if wave.state is WaveState.RUNNING and wave.absent and wave.absent_until > now.mono:
                times.append(wave.absent_until)
        return min(times, default=None)

    # one wave after the other

    def _advance(self, now: Moment) -> list[Step]:
        steps: list[Step] = []
        self._wake_wall = None
        while self._again:
            host = self._hosts.get(self._again.pop())
            if host is not None and host.connected:
                steps.append(Release(host.hostname, host.envoy_id, again=True))
        for wave in self._waves:
            if wave.state is WaveState.DONE or wave.begun:
                steps += self._releases(wave, now)
            if wave.state is WaveState.DONE:
                continue
            self._begin(wave, now)
            if wave.state is WaveState.RUNNING:
                steps += self._releases(wave, now)
                if self._through(wave, now):
                    self._check(wave, now)
            if wave.state is WaveState.CHECKING and not wave.asking and self.kept >= self.version:
                wave.asking = True
                checks = wave.planned.urls
                most = max(sum(one.patience_s for one in checks), 1)
                self._check_until = now.mono + most + self._patience.health_margin_s
                steps.append(Check(wave.planned.index, checks))
            if wave.state is WaveState.PAUSED:
                self._resume_after_pause(wave, now)
            if wave.ended_at is None:
                return steps
        if self.state is RolloutState.RUNNING:
            self._end(RolloutState.DONE, "", now)
        return steps

    def _begin(self, wave: Wave, now: Moment) -> None:
        """Begin a wave, if nothing is in the way; else say what is."""
        if wave.begun:
            return
        missing = self.missing(wave.planned)
        if missing > 0:
            self._wait(wave, WaveState.AWAITING_APPROVAL, f"{_people(missing)} must approve this wave")
            return
        if not self._is_open(wave, now):
            self._wait(wave, WaveState.AWAITING_WINDOW, "no window is open")
            return
        wave.state, wave.why, wave.began_at = WaveState.RUNNING, "", now.wall
        wave.absent_until = now.mono + self._patience.offline_s
        self.version += 1

    def _is_open(self, wave: Wave, now: Moment) -> bool:
        if windows.is_open(wave.planned.windows, now.wall):
            return True
        self._wake(windows.next_change(wave.planned.windows, now.wall) or now.wall + LOOK_AGAIN)
        return False

    def _wait(self, wave: Wave, state: WaveState, why: str) -> None:
        if wave.state is not state:
            wave.state, wave.why = state, ""
        self._say(wave, why)

    def _releases(self, wave: Wave, now: Moment) -> list[Step]:
        """Those that get a place now. None before the beginning is on record: a restart must know of it."""
        if not wave.queue or (self.kept < self.version and not self.everyone):
            return []
        if not self._is_open(wave, now):
            return []
        found: list[Step] = []
        promoted = wave.planned.index in self._asked.promoted
        places = self._places(wave)
        while wave.queue and (promoted or wave.taken < places):
            hostname = next(iter(wave.queue))
            del wave.queue[hostname]
            host = self._hosts[hostname]
            self._set(host, HostState.RELEASED)
            host.place, host.since = True, now.mono
            wave.taken += 1
            wave.placed.append((now.mono, hostname))
            if wave.planned.max_in_flight is None:
                wave.ramp.append((now.mono, hostname))
            found.append(Release(hostname, host.envoy_id))
        return found

    def _through(self, wave: Wave, now: Moment) -> bool:
        """Whether nobody of a wave is waited for any more."""
        if wave.planned.index in self._asked.promoted:
            # Whoever is there has it; nobody's answer is waited for.
            return not wave.queue and self.kept >= self.version
        if wave.queue or wave.awaited:
            wave.why = ""
            return False
        if wave.held * 2 > wave.size:
            # A freeze of all would else take the waves away: all hosts at once when it ends.
            self._say(wave, f"{wave.held} of {wave.size} hosts are on hold: too many to go on without them")
            return False
        if self.everyone:
            return True
        if wave.absent and now.mono < wave.absent_until:
            wave.why = "1 host is not connected" if wave.absent == 1 else f"{wave.absent} hosts are not connected"
            return False
        if wave.answered * self._patience.answered_share < wave.size - wave.held:
            self._say(wave, f"{wave.answered} of {wave.size} hosts have answered: too few to go on without the others")
            return False
        return True

    def _say(self, wave: Wave, why: str) -> None:
        if wave.why != why:
            wave.why = why
            self.version += 1

    def _check(self, wave: Wave, now: Moment) -> None:
        wave.why = ""
        if wave.planned.urls and wave.planned.index not in self._asked.promoted:
            wave.state = WaveState.CHECKING
            self.version += 1
        else:
            self._rest(wave, now)

    def _rest(self, wave: Wave, now: Moment) -> None:
        """The pause behind a wave, where there is one."""
        if wave.planned.pause_s:
            wave.state, wave.pause_until = WaveState.PAUSED, now.wall + wave.planned.pause_s * SECOND
            self.version += 1
        else:
            self._done(wave, now)

    def _resume_after_pause(self, wave: Wave, now: Moment) -> None:
        assert wave.pause_until is not None
        if now.wall >= wave.pause_until or wave.planned.index in self._asked.promoted:
            self._done(wave, now)
        else:
            self._wake(wave.pause_until)

    def _done(self, wave: Wave, now: Moment) -> None:
        wave.state, wave.why, wave.ended_at = WaveState.DONE, "", now.wall
        self.version += 1

    def _fail(self, wave: Wave, why: str, now: Moment) -> None:
        """The budget is spent: the rollout stops."""
        self._probing.clear()
        wave.state, wave.why, wave.ended_at = WaveState.FAILED, why, now.wall
        for other in self._waves:
            if not other.begun:
                other.state = WaveState.WAITING
        said = f"wave {wave.planned.name}: {why}"
        if self.plan.on_failure == "revert" and self.plan.base is not None:
            self.state, self.why, self._going_back = RolloutState.REVERTING, said, False
            self.version += 1
        else:
            self._end(RolloutState.STOPPED, said, now)

    def _expire(self, now: Moment) -> None:
        patience = self._patience
        if self._check_until is not None and now.mono >= self._check_until:
            self._check_until = None
            for wave in self._waves:
                wave.asking = False  # no answer: it is asked again
        for wave in self._waves:
            if not wave.begun:
                break
            while wave.ramp and now.mono >= wave.ramp[0][0] + patience.place_s:
                slow = self._hosts.get(wave.ramp.popleft()[1])
                if slow is not None:
                    self._give_back(slow)
            self._trim(wave)
            while wave.placed and now.mono >= wave.placed[0][0] + patience.answer_s:
                self._unanswered(self._hosts[wave.placed.popleft()[1]], HostState.SILENT)
                self._trim(wave)
            while wave.gone and now.mono >= wave.gone[0][0] + patience.offline_s:
                self._unanswered(self._hosts[wave.gone.popleft()[1]], HostState.LOST)
                self._trim(wave)

    # the rollout as a whole

    def _wake(self, at: int | None) -> None:
        if at is not None and (self._wake_wall is None or at < self._wake_wall):
            self._wake_wall = at

    def _end(self, state: RolloutState, why: str, now: Moment) -> None:
        self.state, self.why, self._ended_at = state, why, now.wall
        self.version += 1

    def _heed(self, now: Moment) -> None:
        """Do what people have asked for."""
        asked = self._asked
        if asked.cancelled:
            self.cancel("cancelled", now)
        if asked.retries > self._retries:
            self._retries = asked.retries
            self.version += 1
            if self.state is RolloutState.STOPPED:
                self._retry(now)
        state = self.state
        if state in {RolloutState.PLANNED, RolloutState.AWAITING_APPROVAL}:
            missing = self.plan.approvals - asked.approvals.get(WHOLE_PLAN, 0)
            state = RolloutState.RUNNING if self.approved else RolloutState.AWAITING_APPROVAL
            self.why = "" if self.approved else f"{_people(missing)} must approve this plan"
        if state is RolloutState.RUNNING and asked.paused:
            state = RolloutState.PAUSED
        elif state is RolloutState.PAUSED and not asked.paused:
            state = RolloutState.RUNNING
        if state is not self.state:
            self.state = state
            self.version += 1

    def _retry(self, now: Moment) -> None:
        """What failed is given another chance: hosts run anew, and health is asked for again."""
        for wave in self._waves:
            wave.probing = False
            if wave.state is WaveState.FAILED:
                wave.state, wave.why, wave.ended_at = WaveState.RUNNING, "", None
        checking: list[Host] = []
        for host in self._hosts.values():
            if host.state is HostState.FAILED:
                self._set(host, HostState.RELEASED)
                host.since = now.mono
                wave = self._waves[host.wave]
                (wave.placed if host.connected else wave.gone).append((now.mono, host.hostname))
                self._again.append(host.hostname)
            elif host.state is HostState.CHECKING:
                checking.append(host)
            elif host.state is HostState.WAITING:
                self._waves[host.wave].queue[host.hostname] = None
        self._failures.clear()
        self.state, self.why, self._ended_at = RolloutState.RUNNING, "", None
        for host in checking:
            self._ask(host, now)

    def _resume(self, progress: Progress, verdicts: Mapping[str, Verdict], now: Moment) -> None:
        """Go on where it was written down to be."""
        self.state, self.why = progress.state, progress.why
        self._retries, self._ended_at, self.went_back_to = progress.retries, progress.ended_at, progress.went_back_to
        for wave, was in zip(self._waves, progress.waves, strict=True):
            wave.state, wave.why, wave.pause_until = was.state, was.why, was.pause_until
            wave.began_at, wave.ended_at, wave.probes = was.began_at, was.ended_at, was.probes
            if was.began_at is not None:
                since = now.mono_at(was.began_at) + self._patience.offline_s
                wave.absent_until = max(since, now.mono + self._patience.reconnect_s)
        failures = {each.hostname: each for each in progress.failures}
        for hostname, verdict in verdicts.items():
            index = self.wave_of(hostname)
            if index is None:
                continue
            wave, known = self._waves[index], failures.get(hostname)
            state = HostState.HEALTHY if verdict.healthy else HostState.FAILED
            if verdict.healthy and known is not None and known.check is not None:
                state = HostState.FAILED
            elif verdict.healthy and wave.planned.commands and wave.state is not WaveState.DONE:
                state = HostState.CHECKING  # whatever it answered: it is asked anew
            host = self._hosts[hostname] = Host(hostname, "", index, state, connected=False, order=verdict.order)
            wave.counts[state] += 1
            wave.size += hostname not in self._wave_of
            if state is HostState.FAILED:
                unknown = HostFailure(hostname=hostname, wave=index, why=verdict.why, at=now.wall)
                self._failures[hostname] = known or unknown
            elif state is HostState.CHECKING:
                self._ask(host, now)
        for wave in self._waves:
            # The last answer may be on record, and what follows from it not.
            if not self.finished and wave.begun and wave.counts[HostState.FAILED] > self._most(wave):
                self._fail(wave, f"{wave.counts[HostState.FAILED]} of {wave.size} hosts failed", now)


def _people(count: int) -> str:
    return "one person" if count == 1 else f"{count} people"

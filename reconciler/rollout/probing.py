"""Probing: the commands of health checks, asked of each host that has converged, one after the other, until it is known
whether the host is well. A state machine without I/O, clock or randomness.

Each attempt has an id of its own, under which a host runs it once, however often it is asked: who went away or did not
answer is asked again for the same one, until the check's time is over. Bounded by the hosts that are being asked.
"""

from __future__ import annotations

import heapq
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from reconciler.rollout.terms import Ask, Patience
from schema.progress import FailedCheck

if TYPE_CHECKING:
    from reconciler.loop.moments import Moment
    from schema.rollouts import HealthCheck

UNABLE: Final = "unable"
"""In place of what came of it: the host's agent does not know such questions."""
AGAIN_S: Final = 2.0
"""After which a host is asked again that could not be reached."""


class Answer(NamedTuple):
    """What came of one attempt."""

    outcome: str
    """A `ProbeOutcome`, or `UNABLE`."""
    code: int | None = None
    output: str = ""


class Unwell(NamedTuple):
    """A check has failed on a host."""

    hostname: str
    why: str
    check: FailedCheck


@dataclass(slots=True)
class _Round:
    """One host whose checks are under way."""

    hostname: str
    envoy_id: str
    """Empty while it is not connected."""
    prefix: str
    """Of its ids: no other round has it, nor one before a restart."""
    checks: tuple[HealthCheck, ...]
    index: int = 0
    attempt: int = 0
    asked: bool = False
    """Its answer is awaited."""
    at: float = 0.0
    """When it is asked next, or its answer is awaited no longer (monotonic seconds)."""
    deadline: float | None = None
    """Of the check; None before it is first asked."""

    @property
    def check(self) -> HealthCheck:
        return self.checks[self.index]

    @property
    def id(self) -> str:
        return f"{self.prefix}.{self.index}.{self.attempt}"


class Probing:
    """All hosts whose checks are under way."""

    def __init__(self, patience: Patience) -> None:
        self._patience: Final = patience
        self._rounds: Final[dict[str, _Round]] = {}
        self._ready: Final[dict[str, None]] = {}
        """Hosts to be asked now, in order; a dictionary as an ordered set."""
        self._timers: Final[list[tuple[float, str]]] = []
        self._asked = 0
        self._begun = 0

    def begin(self, hostname: str, envoy_id: str, checks: tuple[HealthCheck, ...], now: Moment) -> None:
        """Ask a host from the first check on. Without an envoy it is not connected, and has a while to come back."""
        self.drop(hostname)
        self._begun += 1
        found = self._rounds[hostname] = _Round(hostname, envoy_id, f"{now.wall}.{self._begun}", checks)
        if envoy_id:
            self._ready[hostname] = None
        else:
            found.deadline = now.mono + self._patience.offline_s
            self._arm(found, found.deadline)

    def drop(self, hostname: str) -> None:
        """Ask a host no more."""
        found = self._rounds.pop(hostname, None)
        if found is not None:
            self._asked -= found.asked
            self._ready.pop(hostname, None)

    def clear(self) -> None:
        """Ask nobody any more."""
        self._rounds.clear()
        self._ready.clear()
        self._timers.clear()
        self._asked = 0

    def arrived(self, hostname: str, envoy_id: str) -> None:
        """A host is connected, perhaps again: what it may not have heard is asked again."""
        found = self._rounds.get(hostname)
        if found is None:
            return
        found.envoy_id = envoy_id
        self._put_back(found)
        self._ready[hostname] = None

    def left(self, hostname: str, now: Moment) -> None:
        """A host is not connected any more."""
        found = self._rounds.get(hostname)
        if found is None:
            return
        found.envoy_id = ""
        self._put_back(found)
        self._ready.pop(hostname, None)
        found.deadline = found.deadline or now.mono + self._patience.offline_s
        self._arm(found, found.deadline)

    def unreached(self, hostname: str, probe_id: str, now: Moment) -> None:
        """A host could not be asked, or did not answer: a little later again."""
        found = self._rounds.get(hostname)
        if found is not None and found.asked and found.id == probe_id:
            self._put_back(found)
            self._arm(found, now.mono + AGAIN_S)

    def answered(self, hostname: str, probe_id: str, answer: Answer, now: Moment) -> Unwell | bool:
        """What came of an attempt: that the host is unwell, that it is well, or that it is not known yet (False)."""
        found = self._rounds.get(hostname)
        if found is None or found.id != probe_id or found.deadline is None:
            return False
        self._put_back(found)
        self._ready.pop(hostname, None)
        check = found.check
        if answer.outcome == "passed":
            found.index, found.attempt, found.deadline = found.index + 1, 0, None
            if found.index == len(found.checks):
                self.drop(hostname)
                return True
            self._ready[hostname] = None
            return False
        found.attempt += 1
        if answer.outcome != UNABLE and found.attempt < check.attempts:
            self._arm(found, now.mono + check.interval_s)
            return False
        return self._unwell(found, _said(answer, check), answer)

    def drive(self, now: Moment) -> tuple[list[Ask], list[Unwell]]:
        """Whom to ask now, and on whom a check has run out of its time."""
        unwell: list[Unwell] = []
        while self._timers and self._timers[0][0] <= now.mono:
            at, hostname = heapq.heappop(self._timers)
            found = self._rounds.get(hostname)
            if found is None or found.at != at:
                continue
            if found.deadline is not None and now.mono >= found.deadline:
                how = "" if found.envoy_id else ": it is not connected"
                unwell.append(self._unwell(found, f"no answer in time{how}", Answer("")))
            else:
                self._put_back(found)
                self._ready[hostname] = None
        asks: list[Ask] = []
        while self._ready and self._asked < self._patience.probes:
            hostname = next(iter(self._ready))
            del self._ready[hostname]
            found = self._rounds[hostname]
            check = found.check
            if found.deadline is None:
                found.deadline = now.mono + check.patience_s + self._patience.health_margin_s
            found.asked = True
            self._asked += 1
            self._arm(found, now.mono + check.timeout_s + self._patience.health_margin_s)
            asks.append(Ask(hostname, found.envoy_id, found.id, check))
        return asks, unwell

    def wake_at(self) -> float | None:
        """When `drive` will have something to do though nothing happens (monotonic seconds)."""
        while self._timers:
            at, hostname = self._timers[0]
            found = self._rounds.get(hostname)
            if found is not None and found.at == at:
                return at
            heapq.heappop(self._timers)
        return None

    def _put_back(self, found: _Round) -> None:
        self._asked -= found.asked
        found.asked = False
        found.at = 0.0

    def _arm(self, found: _Round, at: float) -> None:
        found.at = at if found.deadline is None else min(at, found.deadline)
        heapq.heappush(self._timers, (found.at, found.hostname))

    def _unwell(self, found: _Round, said: str, answer: Answer) -> Unwell:
        self.drop(found.hostname)
        command = shlex.join(found.check.command or ())
        times = f", {found.attempt} times" if found.attempt > 1 else ""
        failed = FailedCheck(command=command, code=answer.code, output=answer.output)
        return Unwell(found.hostname, f"{command}: {said}{times}", failed)


def _said(answer: Answer, check: HealthCheck) -> str:
    match answer.outcome:
        case "timed_out":
            return f"it did not end within {check.timeout_s} s"
        case "interrupted":
            return "the agent ended while it ran"
        case "refused":
            return f"refused by the agent: {answer.output}"
        case "unable":
            return answer.output
    if answer.code is None:
        return f"it could not be run: {answer.output}"
    return f"exit {answer.code}" if answer.code >= 0 else f"ended by signal {-answer.code}"

"""When to converge: one run at a time, the most urgent reason first, patience with what keeps drifting.

Pure: time (monotonic seconds) and randomness are handed in. A run does everything, whatever its trigger; so reasons
that come together are one run, named for the most urgent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from schema.protocol.reports import Trigger

DEFAULT_INTERVAL_S: Final = 1800.0
MIN_INTERVAL_S: Final = 1.0
MAX_INTERVAL_S: Final = 86_400.0
INTERVAL_JITTER: Final = 0.1
FREE_REPAIRS: Final = 3
"""How many drift runs in a row come at once; each further one waits twice as long as the one before."""
MAX_DRIFT_DELAY_S: Final = 300.0
DRIFT_CALM_S: Final = 60.0
"""Drift after this long a calm (and after twice the last delay) counts as the first again."""

_URGENCY: Final = {Trigger.APPLY: 0, Trigger.START: 1, Trigger.ASKED: 2, Trigger.DRIFT: 3, Trigger.INTERVAL: 4}


class Schedule:
    """Decides when the next run begins and why."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random: Final = random
        self._interval_s = DEFAULT_INTERVAL_S
        self._next_full = math.inf
        self._wanted: dict[Trigger, float] = {}
        self._drift_runs = 0
        self._last_drift = -math.inf
        self.running = False

    def start(self, now: float) -> None:
        """Begin to count intervals."""
        self._next_full = now + self._interval_s * self._random()

    def set_interval(self, interval_s: float, now: float) -> None:
        """Make full checks come this often, give or take a tenth; out of bounds it is brought into them."""
        interval_s = min(max(interval_s, MIN_INTERVAL_S), MAX_INTERVAL_S)
        if interval_s != self._interval_s:
            self._interval_s = interval_s
            self._next_full = now + interval_s * self._random()

    def request(self, trigger: Trigger, now: float) -> None:
        """Ask for a run; it begins as soon as none runs, and a drift run as soon as there was calm enough."""
        at = max(now, self._last_drift + self._drift_delay(now)) if trigger is Trigger.DRIFT else now
        self._wanted[trigger] = min(at, self._wanted.get(trigger, math.inf))

    def ask(self, within_s: float, now: float) -> None:
        """Ask for a full check that begins anywhere within this time, as soon as none runs."""
        at = now + within_s * self._random()
        self._wanted[Trigger.ASKED] = min(at, self._wanted.get(Trigger.ASKED, math.inf))

    def due(self) -> float:
        """When `begin` will answer; infinity while a run is under way."""
        return math.inf if self.running else min(self._next_full, *self._wanted.values(), math.inf)

    def begin(self, now: float) -> Trigger | None:
        """The reason to begin a run now, if there is one; every reason that is due is served by it."""
        if self.due() > now:
            return None
        reasons = [trigger for trigger, at in self._wanted.items() if at <= now] or [Trigger.INTERVAL]
        trigger = min(reasons, key=_URGENCY.__getitem__)
        if trigger is Trigger.DRIFT:
            self._drift_runs += 1
            self._last_drift = now
        asked = self._wanted.get(Trigger.ASKED)
        self._wanted.clear()
        if trigger is Trigger.DRIFT and asked is not None:
            self._wanted[Trigger.ASKED] = asked  # a look at what drifted is no full check
        # The first full check comes anywhere in the interval: hosts that started together do not check together.
        spread = (
            max(0.1, self._random()) if trigger is Trigger.START else 1 + INTERVAL_JITTER * (2 * self._random() - 1)
        )
        self._next_full = now + self._interval_s * spread
        self.running = True
        return trigger

    def finished(self) -> None:
        """The run has ended."""
        self.running = False

    def _drift_delay(self, now: float) -> float:
        """Seconds since the last drift run to wait for: what rewrites a file again and again must not keep us busy."""
        delay = 0.0
        if self._drift_runs >= FREE_REPAIRS:
            delay = min(2.0 ** (self._drift_runs - FREE_REPAIRS), MAX_DRIFT_DELAY_S)
        if now - self._last_drift > max(DRIFT_CALM_S, 2 * delay):
            self._drift_runs = 0
            return 0.0
        return delay


class NoRuns(Schedule):
    """A schedule on which nothing ever runs: for an agent that only talks to its server."""

    def request(self, trigger: Trigger, now: float) -> None:
        """Not now, not ever."""

    def ask(self, within_s: float, now: float) -> None:
        """Not if somebody asks, either."""

    def due(self) -> float:
        """Never."""
        return math.inf

    def begin(self, now: float) -> Trigger | None:  # noqa: ARG002
        """Nothing."""
        return None

"""When to converge: one run at a time, the most urgent reason first, and no more looks at drift than a host can bear.

Pure: time (monotonic seconds) and randomness are handed in. A run does everything, whatever its trigger; so reasons
that come together are one run, named for the most urgent. What drifts again and again waits for itself, see
`agent.patience`; here is the last guard, against whoever may change very many paths: all looks at drift together have a
tenth of the time, once half a minute of it is used up.
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
DRIFT_SHARE: Final = 0.1
DRIFT_CREDIT_S: Final = 30.0
"""Of runs for drift that come at once, before their share of the time is asked for."""
DRIFT_RUN_S: Final = 0.1
"""What such a run costs beyond the time it takes: its report is stored, sent and kept."""
MAX_DRIFT_DELAY_S: Final = 30.0
"""However much the share is exceeded, by one long run: other drift waits no longer behind it."""

_URGENCY: Final = {Trigger.APPLY: 0, Trigger.START: 1, Trigger.ASKED: 2, Trigger.DRIFT: 3, Trigger.INTERVAL: 4}


class Schedule:
    """Decides when the next run begins and why."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random: Final = random
        self._interval_s = DEFAULT_INTERVAL_S
        self._next_full = math.inf
        self._wanted: dict[Trigger, float] = {}
        self._even_at = -math.inf
        """When the runs for drift have had no more than their share."""
        self._began = 0.0
        self.running: Trigger | None = None

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
        """Ask for a run; it begins as soon as none runs, and a drift run as soon as that is within its share."""
        free_at = self._even_at - DRIFT_CREDIT_S / DRIFT_SHARE
        at = max(now, free_at) if trigger is Trigger.DRIFT else now
        self._wanted[trigger] = min(at, self._wanted.get(trigger, math.inf))

    def ask(self, within_s: float, now: float) -> None:
        """Ask for a full check that begins anywhere within this time, as soon as none runs."""
        at = now + within_s * self._random()
        self._wanted[Trigger.ASKED] = min(at, self._wanted.get(Trigger.ASKED, math.inf))

    def due(self) -> float:
        """When `begin` will answer; infinity while a run is under way."""
        return math.inf if self.running is not None else min(self._next_full, *self._wanted.values(), math.inf)

    def begin(self, now: float) -> Trigger | None:
        """The reason to begin a run now, if there is one; every reason that is due is served by it."""
        if self.due() > now:
            return None
        reasons = [trigger for trigger, at in self._wanted.items() if at <= now] or [Trigger.INTERVAL]
        trigger = min(reasons, key=_URGENCY.__getitem__)
        asked = self._wanted.get(Trigger.ASKED)
        self._wanted.clear()
        if trigger is Trigger.DRIFT and asked is not None:
            self._wanted[Trigger.ASKED] = asked  # a look at what drifted is no full check
        # The first full check comes anywhere in the interval: hosts that started together do not check together.
        spread = (
            max(0.1, self._random()) if trigger is Trigger.START else 1 + INTERVAL_JITTER * (2 * self._random() - 1)
        )
        self._next_full = now + self._interval_s * spread
        self.running, self._began = trigger, now
        return trigger

    def finished(self, now: float) -> None:
        """The run has ended."""
        if self.running is Trigger.DRIFT:
            took = (now - self._began + DRIFT_RUN_S) / DRIFT_SHARE
            most = now + DRIFT_CREDIT_S / DRIFT_SHARE + MAX_DRIFT_DELAY_S
            self._even_at = min(max(now, self._even_at) + took, most)
            if Trigger.DRIFT in self._wanted:
                self.request(Trigger.DRIFT, self._wanted.pop(Trigger.DRIFT))
        self.running = None


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

"""Returns: how many agents a second this server lets in, which is measured, and what follows from it.

A machine half as fast takes twice as long for each of them, and so does one whose processor is busy with something
else. So what a return costs is taken down while many come: the processor's time, and where the event loop is late the
time itself, since it was not to be had sooner. A server that has just started knows nothing of this; it has learned it
before a second of the return after its start is over.
"""

from __future__ import annotations

import math

from api.gateway import limits


class Returns:
    """What one costs, on the average of not long ago. Pure."""

    def __init__(self) -> None:
        self._each_s = limits.RETURNS_SHARE / limits.FIRST_RETURNS_PER_S
        self._welcomed = 0
        self._wall_s = 0.0
        self._cost_s = 0.0

    @property
    def per_s(self) -> float:
        """How many are to come each second: what leaves some of the processor for all else."""
        measured = limits.RETURNS_SHARE / self._each_s
        return min(max(measured, limits.MIN_RETURNS_PER_S), limits.MAX_RETURNS_PER_S)

    def over_s(self, fleet: int) -> float:
        """Over how many seconds a fleet of this size is to come back."""
        return min(fleet / self.per_s, limits.MAX_RETURN_S)

    def may_wait(self) -> int:
        """How many connections may wait in the queue: any behind them is served sooner when it comes again."""
        return min(math.ceil(self.per_s * limits.QUEUE_S), limits.BACKLOG // 2)

    def welcomed(self) -> None:
        """One has come back."""
        self._welcomed += 1

    def passed(self, wall_s: float, cpu_s: float, *, late: bool) -> None:
        """So much time has passed while connections came, in which the processor worked so much for this process."""
        self._wall_s += wall_s
        self._cost_s += wall_s if late else min(cpu_s, wall_s)
        if self._welcomed >= limits.RETURNS_SEEN:
            self._each_s += (self._cost_s / self._welcomed - self._each_s) * limits.RETURNS_NEW
        elif self._wall_s < limits.RETURNS_SEEN_WITHIN_S:
            return
        # Where fewer came in that time, most of the work was something else.
        self._welcomed, self._wall_s, self._cost_s = 0, 0.0, 0.0

"""The system's clocks."""

from __future__ import annotations

import time


class SystemClock:
    """`schema.time.Clock` of this machine."""

    def now(self) -> int:
        """Wall time, microseconds since 1970 UTC."""
        return time.time_ns() // 1_000

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

"""The real clock."""

from __future__ import annotations

import time


class SystemClock:
    """The machine's time, as `schema.time.Clock`."""

    def now(self) -> int:
        """Wall time, microseconds since 1970 UTC."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

"""Limits by rate: token buckets, as many as there are keys, and never more than fit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MAX_KEYS: Final = 10_000


class Buckets:
    """One token bucket per key: `burst` tokens at most, `rate` new ones a second. The key idle longest gives way.

    Args:
        monotonic: seconds that never go back.
        keys: how many buckets are kept. Where forgetting one would lift a limit, choose keys from a fixed set instead.
    """

    def __init__(self, rate: float, burst: float, monotonic: Callable[[], float], *, keys: int = MAX_KEYS) -> None:
        self._rate = rate
        self._burst = burst
        self._monotonic = monotonic
        self.keys = keys
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def wait_s(self, key: str, cost: float = 1.0) -> float:
        """Seconds until this key may spend `cost`; 0 when it may now. Spends nothing."""
        return max(0.0, (cost - self._level(key)) / self._rate)

    def spend(self, key: str, cost: float = 1.0) -> bool:
        """Take `cost` from this key's bucket if it holds that much."""
        level = self._level(key)
        enough = level >= cost
        self._levels[key] = (level - cost if enough else level, self._monotonic())
        self._levels.move_to_end(key)
        while len(self._levels) > self.keys:
            self._levels.popitem(last=False)
        return enough

    def refund(self, key: str, cost: float = 1.0) -> None:
        """Give back what was spent."""
        self._levels[key] = (min(self._burst, self._level(key) + cost), self._monotonic())

    def _level(self, key: str) -> float:
        now = self._monotonic()
        level, since = self._levels.get(key, (self._burst, now))
        return min(self._burst, level + (now - since) * self._rate)

"""Patience with what changes again and again: the first times at once, then ever more seldom, until it has calmed down.

For places that many things change for many reasons (all accounts of a host are in one file): most of what happens there
is nobody's drift, and must not keep an agent busy that finds nothing each time.
"""

from __future__ import annotations

from typing import Final

FREE: Final = 3
"""Changes of one place within `CALM_S` that are looked at at once."""
CALM_S: Final = 60.0
MAX_PAUSE_S: Final = 300.0
MAX_PLACES: Final = 1_000


class Patience:
    """Of one watch, by place."""

    def __init__(self) -> None:
        self._last: Final[dict[str, tuple[float, int]]] = {}
        """Place → when it is looked at, the last time, and how many times in a row that was."""

    def when(self, place: str, now: float) -> float:
        """When to look at a place that has changed now; asked once of each look."""
        last, times = self._last.get(place, (now, 0))
        pause = min(2.0 ** (times - FREE), MAX_PAUSE_S) if times >= FREE else 0.0
        if now - last > max(CALM_S, 2 * pause):
            times, pause = 0, 0.0
        at = max(now, last + pause)
        if place not in self._last and len(self._last) >= MAX_PLACES:
            self._last.pop(next(iter(self._last)))
        self._last[place] = (at, times + 1)
        return at

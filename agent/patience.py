"""Patience with what changes again and again: the first times at once, then ever more seldom, until it has calmed down.

Each path and place for itself: whoever rewrites a file of theirs in a loop has that one looked at every five minutes,
and nobody else waits. Places that many things change for many reasons (all accounts of a host are in one file) calm
down in the same way: most of what happens there is nobody's drift, and must not keep an agent busy that finds nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

FREE: Final = 3
"""Changes of one path within `CALM_S` that are looked at at once."""
CALM_S: Final = 60.0
MAX_PAUSE_S: Final = 300.0
MAX_PATHS: Final = 8_192
"""Of which is known how often they have changed lately, some 2 MiB: as many as a large catalog has."""
CROWDED_S: Final = 1.0
"""So long a path waits each time for which there is no room: those that come meanwhile are looked at together."""


class Patience:
    """Of one watch, by path and place."""

    def __init__(self) -> None:
        self._last: Final[dict[str, tuple[float, int]]] = {}
        """Path → when it is looked at, the last time, and how many times in a row that was."""
        self._later: Final[dict[str, float]] = {}
        """Path that has changed → when it is told."""
        self._swept_at = -math.inf

    def changed(self, paths: Iterable[str], now: float, most_s: float = MAX_PAUSE_S) -> None:
        """These have changed: each is told when its time has come.

        Args:
            most_s: no longer than this, since it was told last.
        """
        for path in paths:
            if path not in self._later:
                self._later[path] = self._when(path, now, most_s)

    def due(self) -> float:
        """When something is to be told; infinity where nothing waits."""
        return min(self._later.values(), default=math.inf)

    def told(self, now: float) -> frozenset[str]:
        """Those whose time has come: they are told now, and wait no more."""
        due = frozenset(path for path, at in self._later.items() if at <= now)
        for path in due:
            del self._later[path]
        return due

    def keep(self, paths: frozenset[str]) -> None:
        """Only these are still of interest."""
        for path in self._later.keys() - paths:
            del self._later[path]

    def _when(self, path: str, now: float, most_s: float) -> float:
        """When to look at a path that has changed now; asked once of each look."""
        last, times = self._last.get(path, (now, 0))
        pause = _pause(times, most_s)
        if _is_calm(now - last, pause):
            times, pause = 0, 0.0
        if path not in self._last and not self._has_room(now):
            return now + CROWDED_S
        at = max(now, last + pause)
        self._last[path] = (at, times + 1)
        return at

    def _has_room(self, now: float) -> bool:
        """Whether one more can be remembered; none that is in a pause is forgotten for it."""
        if len(self._last) >= MAX_PATHS and now - self._swept_at > CALM_S:
            self._swept_at = now
            calm = [path for path, (at, times) in self._last.items() if _is_calm(now - at, _pause(times, MAX_PAUSE_S))]
            for path in calm:
                del self._last[path]
        return len(self._last) < MAX_PATHS


def _pause(times: int, most_s: float) -> float:
    """Between the last look and the next one, after so many in a row."""
    return min(2.0 ** min(times - FREE, 30), most_s) if times >= FREE else 0.0


def _is_calm(ago: float, pause: float) -> bool:
    return ago > max(CALM_S, 2 * pause)

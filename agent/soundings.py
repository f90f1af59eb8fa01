"""What the kernel says in files of its own, where no event of a file shows: waited for, or read every now and then.

A file that can be waited for (poll(2), POLLPRI) costs nothing until it changes; as a host of containers mounts all day,
no more than a 200th part of a processor goes into reading it. Of any other the content is compared, at most every
`SAMPLE_S`, and the more there is to read the more seldom: a 5,000th part.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from time import thread_time
from typing import Final

from agent.hosts import HostFault
from agent.hosts.beneath import Way
from agent.places import WAITED_FOR, file_of

SAMPLE_S: Final = 10.0
BREATH_S: Final = 0.02
SHARE: Final = 5_000
SHARE_WAITED: Final = 200
MAX_SAMPLED: Final = 4_096


class Soundings:
    """Those of one watch. Of its thread alone, but for `follow`, which is called with the thread held off.

    Args:
        note: whether a place is otherwise than it was when this was last asked.
    """

    def __init__(self, beneath: Way, note: Callable[[str], bool]) -> None:
        self._beneath: Final = beneath
        self._note: Final = note
        self._open: Final[dict[str, int]] = {}
        self._waiting: dict[str, list[str]] = {}
        """File that can be waited for → the places in it."""
        self._sampled: list[str] = []
        self._sample_at = math.inf
        self._again_at: Final[dict[str, float]] = {}
        self._heard: Final[set[str]] = set()

    def follow(self, places: Iterable[str], now: float) -> bool:
        """Attend to these places and no others; whether all of them are."""
        self._waiting, sampled = {}, []
        for place in sorted(places):
            path = file_of(place)
            if path in WAITED_FOR and self._opened(path):
                self._waiting.setdefault(path, []).append(place)
            else:
                sampled.append(place)
        for path in self._open.keys() - self._waiting.keys():
            os.close(self._open.pop(path))
        self._heard.intersection_update(self._waiting)
        self._sampled = sampled[:MAX_SAMPLED]
        if not sampled:
            self._sample_at = math.inf
        elif self._sample_at == math.inf:
            self._sample_at = now + SAMPLE_S
        return len(sampled) <= MAX_SAMPLED

    def close(self) -> None:
        """Attend to nothing more."""
        self.follow((), 0.0)

    @property
    def descriptors(self) -> list[int]:
        """To be polled for POLLPRI and POLLERR."""
        return list(self._open.values())

    def due(self) -> float:
        """When to ask `changed` though no descriptor is ready."""
        return min(self._sample_at, *(self._free_at(path) for path in self._heard), math.inf)

    def changed(self, ready: Iterable[int], now: float) -> set[str]:
        """The places that are otherwise than they were, as far as it is time to look."""
        ready = set(ready)
        self._heard.update(path for path, descriptor in self._open.items() if descriptor in ready)
        found: set[str] = set()
        for path in [path for path in self._heard if self._free_at(path) <= now]:
            self._heard.discard(path)
            begun = thread_time()
            found.update(filter(self._note, self._waiting.get(path, ())))
            self._again_at[path] = now + max(BREATH_S, (thread_time() - begun) * SHARE_WAITED)
        if now >= self._sample_at:
            begun = thread_time()
            found.update(filter(self._note, self._sampled))
            self._sample_at = now + max(SAMPLE_S, (thread_time() - begun) * SHARE)
        return found

    def _free_at(self, path: str) -> float:
        return self._again_at.get(path, -math.inf)

    def _opened(self, path: str) -> bool:
        if path not in self._open:
            with suppress(OSError, HostFault):  # no such file in this kernel, or root
                self._open[path] = self._beneath.open(path, os.O_RDONLY)
        return path in self._open

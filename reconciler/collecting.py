"""Collecting: not to look for garbage where many objects are made that stay, or that all go again in a moment.

The collector would look through all that a graph is made of: a fourth of a cold compile, and half a second in the
middle of an answer now and then.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_SELDOM: Final = (25_000, 20, 20)
_PAUSE: Final = threading.Lock()


def seldom() -> None:
    """Look for garbage less often, in a process that holds very much for very long: ten thousand connections, a graph.

    With Python's own thresholds (700, 10, 10) a server that reads reports of fifty resources spends more on looking
    through them, while they are being stored, than on reading them: 535 us of processor each instead of 211.
    """
    gc.set_threshold(*_SELDOM)


@contextmanager
def without_collecting(*, cold: bool) -> Iterator[None]:
    """While the block runs no garbage is looked for, in whatever thread; of several blocks at once the first decides.

    Args:
        cold: what is made stays and is much: set it aside for good, once in a process.
    """
    if not _PAUSE.acquire(blocking=False):
        yield
        return
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if cold and gc.get_freeze_count() == 0:
                # What is there stays, and has no circles: to look through it takes 0.4 s, in which nothing else runs.
                # Once: of what comes later the collector does see the garbage.
                gc.freeze()
            gc.enable()
        _PAUSE.release()

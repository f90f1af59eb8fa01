"""A thread that does one thing after another, for calls that must not hold up the event loop.

Daemon threads, not an executor pool: the interpreter would wait for a pool's threads at exit, and a package manager may
take minutes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Final

_log: Final = logging.getLogger("vigo.worker")


class Worker:
    """Runs what it is given, in order, in a thread that begins with the first of it. Given from one thread."""

    def __init__(self, name: str) -> None:
        self._queue: Final[SimpleQueue[Callable[[], None] | None]] = SimpleQueue()
        self._thread: Final = Thread(target=self._work, name=name, daemon=True)
        self._begun = False

    def submit(self, act: Callable[[], None]) -> None:
        """Do this after what was submitted before."""
        self._queue.put(act)
        if not self._begun:
            self._begun = True
            self._thread.start()

    def close(self, timeout_s: float) -> bool:
        """Do nothing more; whether what is under way ended within the time."""
        if not self._begun:
            return True
        self._queue.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (act := self._queue.get()) is not None:
            try:
                act()
            except Exception:  # noqa: BLE001 - the thread goes on
                _log.exception("%s: something nobody foresaw", self._thread.name)

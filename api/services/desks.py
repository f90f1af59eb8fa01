"""Desks: where what takes a processor for long is worked on, a few at once, so that all else goes on meanwhile.

A desk has threads of its own. The event loop's are for what is short (answers written down, large frames), a reader's
for the database: fifty surveys in those kept `/healthz` waiting for half a minute. Who finds a desk full is told so at
once. Work whose asker has gone is not begun; what is under way counts until it ends.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from schema.errors import Exhausted

T = TypeVar("T")

RETRY_S: Final = 2.0


class QuestionsBusy(Exhausted):
    """Too many questions about the config are waiting for an answer."""

    code = "graphs.busy"


class PreviewsBusy(Exhausted):
    """Too many previews are being made."""

    code = "previews.busy"


class Desk:
    """Some threads, and a few who wait.

    Args:
        name: of the threads.
        at_once: pieces of work that are under way.
        waiting: that wait beyond these.
        busy: what a piece more is refused with.
    """

    def __init__(self, name: str, *, at_once: int, waiting: int, busy: type[Exhausted] = QuestionsBusy) -> None:
        self._busy: Final = busy
        self._most: Final = at_once + waiting
        self._threads: Final = ThreadPoolExecutor(at_once, thread_name_prefix=f"vigo-{name}")
        self._room: Final = threading.BoundedSemaphore(self._most)

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` gives, from a thread of this desk.

        Raises:
            Exhausted: the desk is full. And whatever `work` raises.
        """
        if not self._room.acquire(blocking=False):
            raise self._busy(f"{self._most} others are at work on this or wait", retry_after_s=RETRY_S)
        try:
            future = self._threads.submit(work)
        except BaseException:
            self._room.release()
            raise
        future.add_done_callback(lambda _: self._room.release())
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Begin nothing more; what is under way ends with the process."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Desks:
    """Those of one server."""

    def __init__(self) -> None:
        self.questions: Final = Desk("question", at_once=2, waiting=100)
        """Answered in milliseconds, seldom in a second."""
        self.surveys: Final = Desk("survey", at_once=1, waiting=8)
        """Of all that a graph holds: seconds each."""
        self.previews: Final = Desk("preview", at_once=2, waiting=6, busy=PreviewsBusy)

    def close(self) -> None:
        """Begin nothing more at any of them."""
        for desk in (self.questions, self.surveys, self.previews):
            desk.close()

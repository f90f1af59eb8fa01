"""Precedence: what hosts are to be goes out before what they report comes in.

A report is durable before it is answered, which costs several times what a push does. A fleet that follows a commit
reports as fast as it is told, and who is told late would wait behind those reports. So while targets are on their way,
reports stay in the sockets that they came by; not for long at a time, since the next hosts are released by them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from api.gateway import limits


class Precedence:
    """A door for reports, closed while something presses. Used from the event loop's thread."""

    def __init__(self) -> None:
        self.pressing: Callable[[], bool] = lambda: False
        """Whether targets are being made or handed out; filled in with the loop."""
        self._open: Final = asyncio.Event()
        self._open.set()

    async def wait(self) -> None:
        """Until nothing presses, but no longer than `limits.PRESSING_S`."""
        if self._open.is_set() and self.pressing():
            self._open.clear()
            self._look(asyncio.get_running_loop().time() + limits.PRESSING_S)
        await self._open.wait()

    def _look(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        if self.pressing() and loop.time() < until:
            loop.call_later(limits.PRESSING_LOOK_S, self._look, until)
        else:
            self._open.set()

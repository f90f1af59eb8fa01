"""The HTTP server: uvicorn, with what it would do by itself in the wrong place or too often left out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import uvicorn


class HttpServer(uvicorn.Server):
    """uvicorn without its own idea of signals: those are the process's. It looks up once a second, for the date that
    answers carry, and not ten times: each time costs an idle server as much as a check-in of an agent."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Serve no more; `serve` returns soon."""
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        """Keep the date until `end`."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._ending.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

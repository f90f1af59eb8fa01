"""Questions that many connections ask at the same moment, each for itself: asked of the database together.

When a fleet comes back, every agent's welcome wants two rows. A read of its own for each row costs a thread's turn, a
transaction and an ORM query, several times what the rows do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from api.gateway import limits
from api.services.container import Services
from api.services.work import Actor, Work

V = TypeVar("V")


class Gathered(Generic[V]):
    """One question of many keys. Used from the event loop's thread.

    Args:
        query: what the keys of one project stand for; keys that stand for nothing are left out.
    """

    def __init__(self, services: Services, query: Callable[[Work, Sequence[str]], dict[str, V]]) -> None:
        self._services: Final = services
        self._query: Final = query
        self._waiting: dict[str, list[tuple[str, asyncio.Future[V | None]]]] = {}

    async def get(self, project_id: str, key: str) -> V | None:
        """What a key stands for; None for nothing.

        Raises:
            Fault: the database does not answer.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[V | None] = loop.create_future()
        waiting = self._waiting.setdefault(project_id, [])
        waiting.append((key, answer))
        if len(waiting) == 1:
            loop.call_later(limits.GATHER_S, self._begin, project_id)
        return await answer

    def _begin(self, project_id: str) -> None:
        asked = self._waiting.pop(project_id)
        self._services.keep(asyncio.ensure_future(self._ask(project_id, asked)))

    async def _ask(self, project_id: str, asked: list[tuple[str, asyncio.Future[V | None]]]) -> None:
        keys = list(dict.fromkeys(key for key, _ in asked))
        try:
            found = await self._services.read(Actor.system("gateway", project_id), lambda work: self._query(work, keys))
        except Exception as error:  # noqa: BLE001 - told to each that asked
            for _, answer in asked:
                if not answer.done():
                    answer.set_exception(error)
            return
        for key, answer in asked:
            if not answer.done():
                answer.set_result(found.get(key))

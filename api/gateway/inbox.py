"""The inbox of reports: what came within a few milliseconds is stored in one unit of work, and each is answered for
itself once that is on disk.

Every agent reports all day long, and a unit of work of its own would cost each a thread's turn, a savepoint and its own
statements. Bounded by the gateway: a connection has one message under way, and of all only so many (`limits.AT_ONCE`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

from api.gateway import limits
from api.services import runs
from api.services.container import Services
from api.services.runs import Prepared
from api.services.work import Actor
from schema.errors import Exhausted, Unavailable
from schema.protocol.reports import Report

log = logging.getLogger("vigo.gateway")


class _Waiting(NamedTuple):
    actor: Actor
    report: Report
    key: str
    done: asyncio.Future[None]


class Inbox:
    """Reports on their way into the database. Used from the event loop's thread."""

    def __init__(self, services: Services) -> None:
        self._services: Final = services
        self._waiting: list[_Waiting] = []
        self._timer: asyncio.TimerHandle | None = None
        self._preparing = False
        self._begun_at = -limits.BUSY_S
        self._free: Final = asyncio.Semaphore(1)
        self.units = 0
        """Units of work so far."""

    async def put(self, actor: Actor, report: Report, key: str) -> None:
        """Store a report of this envoy; return when it is durable.

        Args:
            key: hex of the envoy's Ed25519 key.

        Raises:
            Fault: this one is not taken, whatever became of the others.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append(_Waiting(actor, report, key, done))
        if len(self._waiting) >= limits.REPORTS_AT_ONCE:
            self._begin()
        elif self._timer is None:
            busy = loop.time() - self._begun_at < limits.BUSY_S
            self._timer = loop.call_later(limits.GATHER_BUSY_S if busy else limits.GATHER_S, self._begin)
        await done

    def _begin(self) -> None:
        """Store what waits, unless so much is on its way to the disk that waiting longer gathers more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and not self._preparing:
            batch, self._waiting = self._waiting[: limits.REPORTS_AT_ONCE], self._waiting[limits.REPORTS_AT_ONCE :]
            self._preparing, self._begun_at = True, asyncio.get_running_loop().time()
            self._services.keep(asyncio.ensure_future(self._store(batch)))

    async def _store(self, batch: Sequence[_Waiting]) -> None:
        # While one batch is on its way to the disk the next is prepared, and no third is begun; in the order they came.
        try:
            try:
                prepared = await asyncio.to_thread(_prepared, batch, self._services.clock.now())
                await self._free.acquire()
            finally:
                self._preparing = False
                self._begin()
            try:
                await self._store_prepared(batch, prepared)
            finally:
                self._free.release()
        finally:
            for one in batch:
                _answer(one, Unavailable("the server is stopping"))  # who is answered already does not hear it

    async def _store_prepared(self, batch: Sequence[_Waiting], prepared: Sequence[Prepared | Exception]) -> None:
        of: defaultdict[str, list[tuple[_Waiting, Prepared]]] = defaultdict(list)
        for one, found in zip(batch, prepared, strict=True):
            if isinstance(found, Prepared):
                of[one.actor.project_id].append((one, found))
            else:
                _answer(one, found)
        for project_id, good in of.items():
            answers = await self._stored(project_id, [found for _, found in good])
            for (one, _), answer in zip(good, answers, strict=True):
                _answer(one, answer)

    async def _stored(self, project_id: str, prepared: Sequence[Prepared]) -> list[str | Exception | None]:
        try:
            return await self._write(project_id, prepared)
        except (Unavailable, Exhausted) as fault:
            return [fault] * len(prepared)  # the database, and no report's fault
        except Exception:
            log.warning("%d reports could not be stored together; each is stored alone", len(prepared), exc_info=True)
            return [await self._alone(project_id, one) for one in prepared]

    async def _write(self, project_id: str, prepared: Sequence[Prepared]) -> list[str | Exception | None]:
        self.units += 1
        actor = Actor.system("gateway", project_id)
        return list(await self._services.write(actor, lambda work: runs.record_all(work, prepared)))

    async def _alone(self, project_id: str, prepared: Prepared) -> str | Exception | None:
        try:
            (answer,) = await self._write(project_id, [prepared])
        except Exception as error:  # noqa: BLE001 - told to its sender
            return error
        return answer


def _prepared(batch: Sequence[_Waiting], now: int) -> list[Prepared | Exception]:
    found: list[Prepared | Exception] = []
    for one in batch:
        try:
            found.append(runs.prepare(one.actor, one.report, one.key, now=now))
        except Exception as error:  # noqa: BLE001 - told to its sender
            found.append(error)
    return found


def _answer(one: _Waiting, answer: object) -> None:
    if one.done.done():
        return  # its connection has gone; the agent will send it again, and it will be known
    if isinstance(answer, Exception):
        one.done.set_exception(answer)
    else:
        one.done.set_result(None)

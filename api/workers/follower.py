"""The follower: tells the loop what the tracked ref names, and what else the loop has to know of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from api.services import secrets, sources
from api.services.container import Services
from api.services.signers import refs
from api.services.sources import Board
from api.services.work import Actor
from api.workers.driver import Driver
from api.workers.sources import PreviewWatch
from reconciler.loop import events
from reconciler.loop.core import LoopStatus
from reconciler.repository import Repository
from reconciler.repository.faults import RefGone
from reconciler.repository.watching import Round
from schema.errors import Fault, Unavailable

log = logging.getLogger("vigo.loop")

FOLLOWER: Final = Actor.system("loop")
RESTART_S: Final = 5.0
TOPICS: Final = ("secret.changed", "envoy.revoked")


class NotReadable(Unavailable):
    """The repository cannot be read now; what is in force stays."""

    code = "loop.not_readable"


class Follower:
    """Follows one ref of one repository, and the events that concern the loop."""

    def __init__(
        self,
        services: Services,
        repository: Repository,
        driver: Driver,
        *,
        ref: str,
        poll_s: float | None,
        secrets: Mapping[str, int],
        board: Board | None = None,
        previews: PreviewWatch | None = None,
    ) -> None:
        """Follow `ref`; `board` is told how that goes, and `previews` when to look at the other refs."""
        self._services = services
        self._repository = repository
        self._driver = driver
        self._ref = ref
        self._poll_s = poll_s
        self._secrets = dict(secrets)
        self._board = board
        self._previews = previews
        self._commit: str | None = None
        self._cause = ""

    def poke(self, cause: str) -> None:
        """Look now, because of what is said."""
        self._cause = cause
        self._repository.poke()
        if self._previews is not None and self._repository.copy is None:
            self._previews.poke(cause)

    async def follow(self) -> None:
        """Tell of every move of the ref, until cancelled. What breaks the watching is told too, and it begins anew."""
        while True:
            watching = self._repository.watch(
                self._ref,
                poll_s=self._poll_s,
                on_fault=self._failed,
                on_round=self._went,
                known=self._driver.status().in_force is not None,
            )
            try:
                async for commit in watching:
                    if self._board is not None:
                        self._board.read(commit)
                    await self._seen(commit)
                    self._driver.tell(events.RefMoved(commit))
            except Fault as fault:
                self._failed(fault)
            finally:
                await watching.aclose()  # type: ignore[attr-defined]
            await asyncio.sleep(RESTART_S)

    async def listen(self) -> None:
        """Tell of secrets and revocations, until cancelled. What was missed is read anew."""
        with self._services.events.listen(*TOPICS) as listener:
            await self._tell_secrets()  # one may have been set since the loop was made
            async for event in listener:
                if listener.missed or event.topic == "secret.changed":
                    listener.missed = 0
                    await self._tell_secrets()
                if event.topic == "envoy.revoked":
                    self._driver.tell(events.EnvoyRemoved(event.data["id"]))

    async def reload(self) -> None:
        """Read the ref now and have its commit judged anew; returns when that is done.

        Raises:
            NotReadable: the repository does not give it.
        """
        try:
            commit = await asyncio.to_thread(self._read)
        except Fault as fault:
            self._failed(fault)
            raise NotReadable(f"{self._ref} cannot be read: {fault.message}") from fault
        if self._board is not None:
            self._board.read(commit)
        if self._previews is not None:
            self._previews.poke()
        await self._seen(commit)
        self._driver.tell(events.RefMoved(commit))
        self._driver.tell(events.Reload())
        await self._driver.until(settled)

    def _read(self) -> str:
        self._repository.fetch()
        return self._repository.resolve(self._ref)

    def _went(self, each: Round) -> None:
        """A fetch has ended."""
        if self._board is not None:
            self._board.again_in(each.wait_s)
            if each.fault is None:
                self._board.read(each.commit)
        if each.fault is not None:
            return
        cause, self._cause = self._cause, ""
        before, self._commit = self._commit, each.commit
        if self._previews is not None:
            self._previews.poke(cause)
        if cause and self._board is not None and before != each.commit:
            moves = {self._ref: (before, each.commit)}
            self._services.keep(asyncio.ensure_future(self._record(cause, self._board.location, moves)))

    async def _record(self, cause: str, location: str, moves: dict[str, tuple[str | None, str | None]]) -> None:
        try:
            await self._services.write(
                FOLLOWER, lambda work: sources.record_moves(work, location=location, cause=cause, moves=moves)
            )
        except Fault as fault:
            log.warning("a move that %s caused cannot be recorded: %s", cause, fault.message)

    async def _seen(self, commit: str | None) -> None:
        """Put a move of the ref on record before the loop knows of it; None is that it is gone."""
        try:
            if commit is None:
                await self._services.write(FOLLOWER, lambda work: refs.gone(work, self._ref))
            else:
                await self._services.write(FOLLOWER, lambda work: refs.moved(work, self._ref, commit))
        except Fault as fault:
            log.warning("a move of %s cannot be recorded: %s", self._ref, fault.message)

    def _failed(self, fault: Fault | None) -> None:
        if fault is None:
            if self._board is not None:
                self._board.read(None)
            self._driver.tell(events.Fetched())
            return
        if self._board is not None:
            self._board.failed(fault)
        if isinstance(fault, RefGone):
            self._services.keep(asyncio.ensure_future(self._seen(None)))
        log.warning("%s cannot be read: %s", self._ref, fault.message)
        self._driver.tell(events.FetchFailed(fault.code, fault.message))

    async def _tell_secrets(self) -> None:
        try:
            now = dict(await self._services.read(FOLLOWER, secrets.versions))
        except Fault as fault:
            log.warning("secrets cannot be read: %s", fault.message)
            return
        changed: dict[str, int | None] = {
            name: version for name, version in now.items() if self._secrets.get(name) != version
        }
        changed |= dict.fromkeys(self._secrets.keys() - now.keys())
        self._secrets = now
        if changed:
            self._driver.tell(events.SecretsChanged(changed))


def settled(status: LoopStatus) -> bool:
    """Whether nothing is under way or waiting about commits."""
    return status.step is None and status.pending is None

"""The gateway: who is connected, and what becomes of what they send."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import math
import random
import socket
import ssl
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, Final

from websockets.frames import CloseCode

from api.gateway import frames, limits, session
from api.gateway.admission import Admission
from api.gateway.connection import SUPERSEDED, UNAUTHENTICATED, Connection
from api.gateway.fleet import Fleet, Peer, Sighting
from api.gateway.precedence import Precedence
from api.gateway.returns import Returns
from api.services import lines, pki
from api.services.catalogs import Target
from schema.errors import Fault
from schema.protocol.messages import Applied, Check, Probe
from schema.time import SECOND, Clock

log = logging.getLogger("vigo.gateway")

SEEN_EVERY_S: Final = 10.0
"""How often it is written who is still there, all in one unit of work: each such unit costs as much as forty hosts."""
NEWS_EVERY_S: Final = 1.0
"""How often who has come or gone is."""


class Gateway:
    """The agents' listener and all who are connected to it.

    Args:
        context: TLS with the server's current certificate; asked for each connection.
        heartbeat_s: each agent is pinged once in this time, all spread over it. It answers, and knows by it that the
            server is there: one exchange is a check-in of both. Those of one slot are dealt with in one go, which
            costs half of what they would each for themselves.
        interval_s: what agents are told about full checks.
    """

    def __init__(
        self,
        fleet: Fleet,
        *,
        clock: Clock,
        context: Callable[[], ssl.SSLContext],
        heartbeat_s: float = 60.0,
        interval_s: float = 1800.0,
    ) -> None:
        self.fleet: Final = fleet
        self.clock: Final = clock
        self.monotonic: Final = time.monotonic
        self.heartbeat_s: Final = heartbeat_s
        self.interval_s: Final = interval_s
        self._context = context
        self._listener: socket.socket | None = None
        self._admission: Admission | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: set[Connection] = set()
        self._by_envoy: dict[str, Connection] = {}
        # Pings are spread over the heartbeat by the slot a connection happens to get, not by when it came.
        self._slots: list[set[Connection]] = [set() for _ in range(max(1, round(heartbeat_s)))]
        self._slot_of: dict[Connection, int] = {}
        self._turn = 0
        self._numbers = 0
        self._refreshing: asyncio.Task[int] | None = None
        self._heard: dict[str, Connection] = {}
        """Envoy → whose last word is to be written, by `_write_due`."""
        self._write_due = math.inf
        self._roll = -1
        self._turns = asyncio.Semaphore(limits.AT_ONCE)
        self._reports = asyncio.Semaphore(limits.AT_ONCE)
        self.precedence: Final = Precedence()
        self.returns: Final = Returns()
        self._noted: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        self._counts: Counter[str] = Counter()

    # Life.

    async def start(self, host: str, port: int) -> int:
        """Listen; the port, which the system chose when `port` is 0."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.settimeout(0)
        try:
            listener.bind((host, port))
            listener.listen(limits.BACKLOG)
        except OSError:
            listener.close()
            raise
        await self.fleet.refresh()
        self._listener = listener
        self._admission = Admission(
            listener,
            connect=lambda address: Connection(self, address),
            context=self._context,
            monotonic=self.monotonic,
            count=self.count,
            returns=self.returns,
        )
        for work in (
            self._admission.run(),
            self._every(self.heartbeat_s / len(self._slots), self._beat),
            self._every(limits.REVOCATION_CHECK_S, self.recheck),
            self._every(NEWS_EVERY_S, self._write_sightings_due),
        ):
            self._begin(work)
        return int(listener.getsockname()[1])

    async def stop(self) -> None:
        """Close the listener and every connection; agents will come back to whoever listens next."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()
        for connection in list(self._open):
            connection.close(CloseCode.GOING_AWAY, "the server stops")
        deadline = self.monotonic() + limits.CLOSE_TIMEOUT_S / 2
        while self._open and self.monotonic() < deadline:  # noqa: ASYNC110 - a second at most, once
            await asyncio.sleep(0.01)
        for connection in list(self._open):
            connection.abort()
        await asyncio.sleep(0)
        with contextlib.suppress(Fault):
            await self._write_sightings()

    # What others ask.

    def online(self, envoy_id: str) -> bool:
        """Whether the envoy is connected now."""
        return envoy_id in self._by_envoy

    def online_ids(self) -> frozenset[str]:
        """All that are connected now."""
        return frozenset(self._by_envoy)

    def counts(self) -> Mapping[str, int]:
        """What happened since the start, by name, and how it is now: `connections`, `agents`, `half_open`,
        `accepts_per_second` and `returns_per_second`."""
        now = {
            "connections": len(self._open),
            "agents": len(self._by_envoy),
            "half_open": self._admission.half_open if self._admission else 0,
            "accepts_per_second": round(self._admission.rate) if self._admission else 0,
            "returns_per_second": round(self.returns.per_s),
        }
        return {**self._counts, **now}

    def push(self, targets: Iterable[tuple[str, Target]]) -> int:
        """Send new targets to those of these envoys that are connected; how many are."""
        reached = 0
        for envoy_id, target in targets:
            connection = self._by_envoy.get(envoy_id)
            if connection is not None:
                session.offer(connection, target)
                reached += 1
        return reached

    async def completed(self, envoy_id: str, target: Target) -> Target:
        """A target with what the envoy that is connected is to have with it: see `session.completed`."""
        connection = self._by_envoy.get(envoy_id)
        if connection is None:
            return target
        return await session.completed(self, connection, target)

    def check(self, envoy_ids: Iterable[str], *, within_s: float) -> int:
        """Have those of these envoys that are connected, and know how, make a full check; how many were told."""
        frame, reached = frames.check(Check(within_s=within_s)), 0
        for envoy_id in envoy_ids:
            connection = self._by_envoy.get(envoy_id)
            if connection is not None and connection.greeted and connection.checks:
                connection.send(frame)
                reached += 1
        self._counts["checks_asked"] += reached
        return reached

    def pinned(self, envoy_id: str) -> bool:
        """Whether the envoy is connected and takes approved plans alone."""
        connection = self._by_envoy.get(envoy_id)
        return connection is not None and connection.pinned

    def probe(self, envoy_id: str, probe: Probe) -> bool | None:
        """Have an envoy run the command of a health check; False where its agent knows no such thing, None where it is
        not connected."""
        connection = self._by_envoy.get(envoy_id)
        if connection is None or not connection.greeted:
            return None
        if connection.probes:
            connection.send(frames.probe(probe))
            self.count("probes_asked")
        return connection.probes

    async def recheck(self) -> None:
        """Bring the table of live certificates up to date and close what no longer counts."""
        roll = await self.fleet.refresh()
        if roll == self._roll:
            return
        self._roll = roll
        for connection in list(self._open):
            if connection.peer is not None and not self._counts_still(connection.peer):
                self.count("revoked_closed")
                connection.close(UNAUTHENTICATED, "this certificate no longer counts")

    # What connections ask.

    def identify(self, certificate: bytes) -> Peer | None:
        """Who holds this certificate (DER), if it counts now: its SAN URI says who, the table whether it counts."""
        peer = self.fleet.identify(hashlib.sha256(certificate).hexdigest())
        if peer is None or not self._counts_still(peer):
            return None
        return peer if pki.read_identity(certificate) == (peer.project, peer.envoy_id) else None

    async def identify_anew(self, certificate: bytes, address: str) -> Peer | None:
        """The same after a look into the database: the host may have been enrolled this instant."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self.fleet.refresh())
        with contextlib.suppress(Fault):
            await asyncio.shield(self._refreshing)
        peer = self.identify(certificate)
        if peer is None:
            # It has our CA's signature, so it was an agent's once.
            fingerprint = hashlib.sha256(certificate).hexdigest()
            self.count("unauthenticated")
            self.note("envoy.refused", None, fingerprint, {"fingerprint": fingerprint, "address": address})
        return peer

    def opened(self, connection: Connection) -> None:
        """A TLS handshake is done."""
        self.count("opened")
        self._open.add(connection)

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""
        self._open.discard(connection)
        slot = self._slot_of.pop(connection, None)
        if slot is not None:
            self._slots[slot].discard(connection)
        peer = connection.peer
        if peer is not None and self._by_envoy.get(peer.envoy_id) is connection:
            del self._by_envoy[peer.envoy_id]
            self._saw(connection)
        if peer is not None and connection.number:
            self.fleet.disconnected(peer, connection.number)

    def register(self, connection: Connection, peer: Peer) -> None:
        """From now on this is the connection of its envoy; an older one is closed."""
        older = self._by_envoy.get(peer.envoy_id)
        self._by_envoy[peer.envoy_id] = connection
        slot = random.randrange(len(self._slots))  # noqa: S311 - spreads load
        self._slots[slot].add(connection)
        self._slot_of[connection] = slot
        self._saw(connection)
        if older is not None and older is not connection:
            self.count("superseded")
            self.note("envoy.superseded", peer, peer.envoy_id, {"older": older.address, "newer": connection.address})
            older.close(SUPERSEDED, "another connection of this identity came")

    def arrived(self, connection: Connection, peer: Peer, applied: Applied | None) -> None:
        """An agent is there; if this is still the connection of its envoy, the fleet is told."""
        if self.is_current(connection):
            self._numbers += 1
            connection.number = self._numbers
            self.fleet.connected(peer, connection.number, applied, connection.latest)

    def is_current(self, connection: Connection) -> bool:
        """Whether this is still the connection of its envoy, and its certificate still counts."""
        peer = connection.peer
        return peer is not None and self._by_envoy.get(peer.envoy_id) is connection and self._counts_still(peer)

    async def received(self, connection: Connection, message: bytes) -> None:
        """Answer one message. Whatever goes wrong in it ends at most this connection."""
        self.count("messages")
        try:
            if not message.startswith(lines.REPORT):
                async with self._turns:
                    await session.receive(self, connection, message)
                return
            async with self._reports:
                await self.precedence.wait()
                await session.receive(self, connection, message)
        except Exception:
            log.exception("a message could not be answered", extra={"address": connection.address})
            self.count("errors")
            connection.close(CloseCode.INTERNAL_ERROR, "an error of the server; come back later")

    async def object_for(self, peer: Peer, sha256: str) -> bytes | None:
        """The bytes of an object, if the envoy's own catalog names it."""
        if (artifact := await self.fleet.artifact(sha256)) is not None:
            return artifact
        try:
            target = await self.fleet.target(peer)
        except Fault:
            return None
        return None if target is None else await self.fleet.object_bytes(target.catalog_sha256, sha256)

    def count(self, what: str) -> None:
        """Count an event."""
        self._counts[what] += 1

    def note(self, action: str, peer: Peer | None, who: str, details: Mapping[str, Any]) -> None:
        """Put into the audit log what a peer did, but no more of it than one entry each `AUDIT_EVERY_S`."""
        now = self.monotonic()
        key = (action, who)
        last, times = self._noted.get(key, (-limits.AUDIT_EVERY_S, 0))
        if now - last < limits.AUDIT_EVERY_S:
            self._noted[key] = (last, times + 1)
            return
        self._noted[key] = (now, 0)
        self._noted.move_to_end(key)
        if len(self._noted) > limits.AUDITED_PEERS:
            self._noted.popitem(last=False)
        self._begin(self._note(action, peer, {**details, "times": times + 1}))

    # The gateway's own work.

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _note(self, action: str, peer: Peer | None, details: Mapping[str, Any]) -> None:
        try:
            await self.fleet.note(action, peer, details)
        except Fault as fault:
            log.warning("%s could not be put into the audit log: %s", action, fault.message)

    def _counts_still(self, peer: Peer) -> bool:
        known = self.fleet.identify(peer.fingerprint)
        return known is not None and known.envoy_id == peer.envoy_id and self.clock.now() < known.not_after

    async def _beat(self) -> None:
        """Ping one slot of connections, and give up those of them that are silent or stuck."""
        now = self.monotonic()
        for connection in self._slots[self._turn]:  # pinged at the beat before: who is there has answered
            if connection.peer is not None:
                self._heard[connection.peer.envoy_id] = connection
        self._write_due = min(self._write_due, now + SEEN_EVERY_S)
        self._turn = (self._turn + 1) % len(self._slots)
        for connection in list(self._slots[self._turn]):
            stalled = connection.stalled_since
            if now - connection.heard_at > 2.5 * self.heartbeat_s:
                self.count("silent")
                connection.abort()
            elif stalled is not None and now - stalled > limits.STALL_TIMEOUT_S:
                self.count("stalled")
                connection.abort()
            else:
                connection.ping()
                session.offer_update(self, connection)

    def _saw(self, connection: Connection) -> None:
        """Have it written soon when an agent was heard last."""
        if connection.peer is not None:
            self._heard[connection.peer.envoy_id] = connection
            self._write_due = 0.0

    async def _write_sightings_due(self) -> None:
        if self.monotonic() >= self._write_due:
            await self._write_sightings()

    async def _write_sightings(self) -> None:
        heard, self._heard, self._write_due = self._heard, {}, math.inf
        # From the clock that nobody moves to the one that people read.
        between = self.clock.now() - round(self.monotonic() * SECOND)
        sightings = [
            Sighting(envoy_id, between + round(one.heard_at * SECOND), one.address, one.agent_version)
            for envoy_id, one in heard.items()
        ]
        if sightings:
            await self.fleet.seen(sightings)

    async def _every(self, period_s: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(period_s)
            try:
                await work()
            except Fault as fault:
                log.warning("%s: %s", work, fault.message)
            except Exception:
                log.exception("%s failed", work)

"""Admission: how fast connections are taken, and who may hold a TLS handshake open.

A fleet that comes back all at once, as after a restart of ours, is ten thousand handshakes. As many are taken as leave
the event loop on time for all else, which is measured, not guessed: more while it is, fewer when it is late (AIMD, as
in TCP). The others wait in the kernel's queue, first come first served, and cost nothing there. Of more than can be
taken in a moment, some are turned away before TLS: an agent to whom that happens spreads its next attempt over the time
that the fleet takes to return, where one that is left waiting for long gives up and has the server work for nothing.

A handshake costs us more than it costs a peer, and one that never ends costs it nothing to leave lying. So the oldest
gives way to the newest: whoever finishes promptly, as agents do, always finds room.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Final

from api.gateway import limits
from api.gateway.returns import Returns

_ESTABLISHED: Final = 1
"""In Linux' `tcp_info.tcpi_state` (include/net/tcp_states.h)."""
_UNACKED: Final = struct.Struct("=24xI")
"""`tcpi_unacked` there (include/uapi/linux/tcp.h): of a listening socket, how many wait to be accepted."""


class Pace:
    """How many connections a second are taken, by how late the event loop is."""

    def __init__(self) -> None:
        self.rate = limits.FIRST_ACCEPTS_PER_S

    def observe(self, late_s: float) -> float:
        """The loop was so late just now; the rate from now on."""
        if late_s > limits.LATE_S:
            self.rate = max(limits.MIN_ACCEPTS_PER_S, self.rate * limits.FEWER)
        else:
            self.rate = min(limits.MAX_ACCEPTS_PER_S, self.rate + limits.MORE_PER_S)
        return self.rate

    def rested(self, rest_s: float, known_per_s: float) -> float:
        """For so long nobody came, and nobody was made late by that; the rate from now on, no more than what this
        server is known to let in: who comes first after a rest may be a whole fleet."""
        more = limits.MORE_PER_S * rest_s / limits.PACE_S
        self.rate = min(known_per_s, self.rate + more)
        return self.rate


class Admission:
    """Accepts connections on one listening socket and carries each through its TLS handshake.

    Args:
        listener: bound and listening, non-blocking.
        connect: makes the protocol for a peer's address.
        context: TLS, asked for each connection, so that a renewed certificate counts at once.
        returns: told how much time passes and is worked while connections come.
    """

    def __init__(
        self,
        listener: socket.socket,
        *,
        connect: Callable[[str], asyncio.Protocol],
        context: Callable[[], ssl.SSLContext],
        monotonic: Callable[[], float],
        count: Callable[[str], None],
        returns: Returns,
    ) -> None:
        self._listener = listener
        self._connect = connect
        self._context = context
        self._monotonic = monotonic
        self._count = count
        self._half_open: OrderedDict[socket.socket, tuple[str, float]] = OrderedDict()
        self._per_address: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._returns = returns
        self._pace = Pace()
        self._came = asyncio.Event()

    @property
    def half_open(self) -> int:
        """Handshakes under way."""
        return len(self._half_open)

    @property
    def rate(self) -> float:
        """Connections that may be taken each second, as of now."""
        return self._pace.rate

    async def run(self) -> None:
        """Accept until cancelled."""
        loop = asyncio.get_running_loop()
        bucket = limits.Bucket(self._pace.rate, limits.ACCEPT_BURST, self._monotonic())
        watching = asyncio.ensure_future(self._watch(bucket))
        try:
            while True:
                while (full_s := self._full_for()) > 0:  # noqa: ASYNC110 - a second at most
                    await asyncio.sleep(min(full_s, limits.FULL_LOOK_S))
                self._turn_away()
                try:
                    peer, address = await loop.sock_accept(self._listener)
                except OSError:
                    # Out of descriptors, or the peer gave up in the backlog: others still want in.
                    self._count("accept_errors")
                    await asyncio.sleep(0.05)
                    continue
                self._came.set()
                if not _is_there(peer):
                    self._count("gone_before_accepted")
                    peer.close()
                    continue
                has_spoken = _has_spoken(peer)
                self._admit(peer, str(address[0]))
                wait_s = bucket.take(1 if has_spoken else limits.SILENT_COST, self._monotonic())
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
        finally:
            watching.cancel()
            for half_open in list(self._half_open):
                _cut(half_open)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(self, bucket: limits.Bucket) -> None:
        """Keep the rate at what the event loop bears, while connections come: to ask all day long costs what thousands
        of idle agents do."""
        while True:
            resting = self._monotonic()
            await self._came.wait()
            self._came.clear()
            bucket.rate = self._pace.rested(self._monotonic() - resting, self._returns.per_s)
            for _ in range(limits.PACES_AFTER_ONE):
                asleep, worked = self._monotonic(), time.process_time()
                await asyncio.sleep(limits.PACE_S)
                passed_s = self._monotonic() - asleep
                late_s = passed_s - limits.PACE_S
                bucket.rate = self._pace.observe(late_s)
                self._returns.passed(passed_s, time.process_time() - worked, late=late_s > limits.LATE_S)

    def _turn_away(self) -> None:
        """Close the oldest of those who wait, where they are too many: so many for each who is taken, so that no flood
        keeps us from taking anybody."""
        for _ in range(min(_waiting(self._listener) - self._returns.may_wait(), limits.TURNED_AWAY_AT_ONCE)):
            try:
                peer, _ = self._listener.accept()
            except OSError:  # gone meanwhile, or out of descriptors, which the next who is taken tells
                return
            peer.close()
            self._count("turned_away")

    def _full_for(self) -> float:
        """How long nobody need be taken, since there is no room and nobody who would have to give way: whoever waits in
        the kernel's queue has lost nothing, and who is turned away comes again."""
        if len(self._half_open) < limits.HALF_OPEN:
            return 0.0
        _, since = next(iter(self._half_open.values()))
        return max(0.0, since + limits.HALF_OPEN_GRACE_S - self._monotonic())

    def _admit(self, peer: socket.socket, address: str) -> None:
        full_address = self._per_address[address] >= limits.HALF_OPEN_PER_ADDRESS
        if full_address or len(self._half_open) >= limits.HALF_OPEN:
            oldest = self._oldest(address if full_address else None)
            if oldest is None:
                self._count("half_open_refused")
                peer.close()
                return
            self._count("half_open_evicted")
            self._forget(oldest)
            _cut(oldest)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._half_open[peer] = (address, self._monotonic())
        self._per_address[address] += 1
        task = asyncio.ensure_future(self._shake_hands(peer, address))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _shake_hands(self, peer: socket.socket, address: str) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._connect(address),
                peer,
                ssl=self._context(),
                ssl_handshake_timeout=limits.HANDSHAKE_TIMEOUT_S,
                ssl_shutdown_timeout=limits.CLOSE_TIMEOUT_S,
            )
        except (ssl.SSLError, OSError):
            # No certificate, a bad one, no TLS at all, too slow, or given up for a newer one.
            self._count("handshakes_failed")
        finally:
            self._forget(peer)

    def _oldest(self, address: str | None) -> socket.socket | None:
        """The handshake that has to give way, or None when all are so young that they may be honest."""
        now = self._monotonic()
        for peer, (whose, since) in self._half_open.items():
            if now - since < limits.HALF_OPEN_GRACE_S:
                return None
            if address is None or whose == address:
                return peer
        return None

    def _forget(self, peer: socket.socket) -> None:
        found = self._half_open.pop(peer, None)
        if found is not None:
            self._per_address[found[0]] -= 1
            if self._per_address[found[0]] <= 0:
                del self._per_address[found[0]]


def _waiting(listener: socket.socket) -> int:
    """How many are in the kernel's queue."""
    (many,) = _UNACKED.unpack(listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _UNACKED.size))
    return int(many)


def _is_there(peer: socket.socket) -> bool:
    """Whether the other end still waits, as far as the kernel knows: who gave up in the queue costs no handshake."""
    try:
        return peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED
    except OSError:
        return False


def _has_spoken(peer: socket.socket) -> bool:
    """Whether a handshake has begun already, as that of anybody has who waited: then it is work now."""
    try:
        return bool(peer.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except OSError:
        return False


def _cut(peer: socket.socket) -> None:
    # The loop owns the descriptor; to end the stream under it makes the handshake fail, which cleans up.
    with contextlib.suppress(OSError):
        peer.shutdown(socket.SHUT_RDWR)

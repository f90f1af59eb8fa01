"""One agent's connection: bytes in, messages out, and the other way; bounded in both directions.

Knows TLS's client certificate, HTTP's one request, WebSocket frames, and how to wait for a slow peer. Does not know
what messages mean: that is `session.py`, reached through `Gateway`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

from websockets.datastructures import Headers
from websockets.frames import CloseCode, Opcode
from websockets.frames import Frame as WireFrame
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from api.gateway import limits
from api.gateway.frames import Frame, fragments, on_wire
from schema.protocol.artifacts import AgentBuild
from schema.protocol.messages import MAX_FRAME_BYTES, PATH
from schema.protocol.signed import Signed

if TYPE_CHECKING:
    from api.gateway.fleet import Peer
    from api.gateway.gateway import Gateway
    from api.services.catalogs import Target

UNAUTHENTICATED: Final = 4401
"""Close code: not (or no longer) an enrolled agent, or a message before `hello`."""
SUPERSEDED: Final = 4409
"""Close code: another connection of the same identity came after this one."""
OVERLOADED: Final = 4413
"""Close code: takes too little of what is sent to it."""

_OBJECTS: Final = f"{PATH}/objects/"

# The library logs each opening and closing at INFO; the gateway's own counters and audit entries say that better.
_LOGGER: Final = logging.getLogger("vigo.gateway.websocket")
_LOGGER.setLevel(logging.WARNING)


class Connection(asyncio.Protocol):
    """One TCP connection after its TLS handshake; made by `Gateway` for each that it accepts."""

    __slots__ = (
        "_assembling",
        "_bucket",
        "_closing",
        "_deadline",
        "_gateway",
        "_inbox",
        "_news",
        "_outbox",
        "_pacing",
        "_paused_at",
        "_reading_paused",
        "_sending",
        "_transport",
        "_unknown",
        "_websocket",
        "_working",
        "address",
        "agent_version",
        "build",
        "catalog_held",
        "checks",
        "connected_at",
        "greeted",
        "heard_at",
        "latest",
        "number",
        "offered",
        "peer",
        "pinned",
        "probes",
    )

    def __init__(self, gateway: Gateway, address: str) -> None:
        self._gateway = gateway
        self.address = address
        self.peer: Peer | None = None
        self.greeted = False
        self.agent_version = ""
        self.build: AgentBuild | None = None
        self.offered: Signed | None = None
        self.checks = False
        self.pinned = False
        self.probes = False
        self.catalog_held: str | None = None
        self.latest: Target | None = None
        self.number = 0
        self.connected_at = self.heard_at = gateway.monotonic()
        self._transport: asyncio.Transport | None = None
        self._websocket: ServerProtocol | None = None
        self._unknown = b""
        self._bucket = limits.Bucket(limits.FRAMES_PER_S, limits.FRAME_BURST, self.heard_at)
        self._deadline: asyncio.TimerHandle | None = None
        # Lists: bounded, mostly empty, and each for as long as its agent is connected; a deque is 760 bytes.
        self._inbox: list[bytes] = []
        self._news: asyncio.Future[None] | None = None
        self._outbox: list[Frame] = []
        self._sending: Iterator[bytes | memoryview] | None = None
        self._assembling: bytearray | None = None
        self._working: asyncio.Task[None] | None = None
        self._paused_at: float | None = None
        self._reading_paused = False
        self._pacing = False
        self._closing = False

    # From the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TLS handshake is done: who is it?"""
        # uvloop's transports are no subclass of asyncio's, and have all that these have.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=limits.BUFFER_BYTES, low=limits.BUFFER_BYTES // 4)
        tls = transport.get_extra_info("ssl_object")
        certificate = (tls.getpeercert(binary_form=True) if tls is not None else None) or b""
        self.peer = self._gateway.identify(certificate)
        self._unknown = certificate if self.peer is None else b""
        self._websocket = ServerProtocol(origins=[None], max_size=limits.HELLO_BYTES, logger=_LOGGER)
        self._deadline = asyncio.get_running_loop().call_later(limits.HELLO_TIMEOUT_S, self._too_slow)
        self._gateway.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The connection is gone; what it still had to answer is dropped, and the agent will ask again."""
        self._closing = True
        if self._deadline is not None:
            self._deadline.cancel()
        if self._working is not None:
            self._working.cancel()
        self._inbox.clear()
        self._outbox.clear()
        self._sending = None
        self._transport = None
        self._websocket = None
        self._gateway.lost(self)

    def data_received(self, data: bytes) -> None:
        """Read frames, in slices, so that no peer can make the loop parse a flood in one go."""
        self.heard_at = self._gateway.monotonic()
        for start in range(0, len(data), limits.SLICE_BYTES):
            websocket = self._websocket
            if websocket is None or self._closing or websocket.eof_sent:
                return
            websocket.receive_data(data[start : start + limits.SLICE_BYTES])
            events = websocket.events_received()
            for event in events:
                self._take(event)
            self._bucket.take(len(events), self.heard_at)
            if len(events) > limits.FRAMES_PER_SLICE:
                self._gateway.count("floods")
                self.close(CloseCode.POLICY_VIOLATION, "a flood of frames")
            self._flush()
        self._pace()

    def eof_received(self) -> bool:
        """The peer will send no more: neither will we."""
        if self._websocket is not None:
            self._websocket.receive_eof()
            self._flush()
        return False

    def pause_writing(self) -> None:
        """The peer reads more slowly than we write."""
        self._paused_at = self._gateway.monotonic()

    def resume_writing(self) -> None:
        """The peer caught up."""
        self._paused_at = None
        self._send_more()

    # From the gateway.

    @property
    def stalled_since(self) -> float | None:
        """When the peer stopped taking what we send; None while it takes it."""
        return self._paused_at

    def send(self, frame: Frame) -> None:
        """Queue a message; a replaceable one takes the place of its forerunner that has not begun to go out."""
        if self._closing or self._websocket is None or self._websocket.state is not State.OPEN:
            return
        if frame.replaceable:
            self._outbox = [waiting for waiting in self._outbox if not waiting.replaceable]
        if len(self._outbox) >= limits.OUTBOX:
            self._gateway.count("overloaded")
            self.close(OVERLOADED, "too many messages wait for you")
            return
        self._outbox.append(frame)
        self._send_more()

    def ping(self) -> None:
        """Ask whether somebody is there."""
        if self._websocket is not None and self._websocket.state is State.OPEN and self._paused_at is None:
            self._websocket.send_ping(b"")
            self._flush()

    def close(self, code: int, reason: str = "") -> None:
        """End the connection: tell the peer why, and do not wait long for its answer."""
        if self._closing or self._websocket is None or self._transport is None:
            return
        self._closing = True
        self._outbox.clear()
        self._inbox.clear()
        self._sending = None
        transport = self._transport
        if self._websocket.state is State.OPEN:
            self._websocket.fail(code, reason)
            self._flush()
        transport.close()
        asyncio.get_running_loop().call_later(limits.CLOSE_TIMEOUT_S, transport.abort)

    def abort(self) -> None:
        """End the connection at once."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    def welcomed(self) -> None:
        """`hello` was accepted: no deadline any more, and frames as large as the protocol allows."""
        self.greeted = True
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if self._websocket is not None:
            self._websocket.max_message_size = MAX_FRAME_BYTES

    async def news(self, patience_s: float) -> None:
        """Wait until a newer target was offered, but no longer than this."""
        self._news = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait_for(self._news, patience_s)
        except TimeoutError:
            pass
        finally:
            self._news = None

    def tell_news(self) -> None:
        """A newer target was offered."""
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    # Reading.

    def _take(self, event: object) -> None:
        if isinstance(event, Request):
            self._answer(event)
        elif isinstance(event, WireFrame) and not self._closing:
            self._take_frame(event)

    def _take_frame(self, frame: WireFrame) -> None:
        if frame.opcode is Opcode.BINARY:
            self.close(CloseCode.UNSUPPORTED_DATA, "messages are text")
        elif frame.opcode is Opcode.TEXT and frame.fin:
            self._take_message(bytes(frame.data))
        elif frame.opcode is Opcode.TEXT:
            self._assembling = bytearray(frame.data)
        elif frame.opcode is Opcode.CONT and self._assembling is not None:
            self._assembling += frame.data
            if frame.fin:
                whole, self._assembling = bytes(self._assembling), None
                self._take_message(whole)

    def _take_message(self, message: bytes) -> None:
        self._inbox.append(message)
        self._begin_work()

    def _begin_work(self) -> None:
        if self._inbox and self._working is None and not self._closing:
            self._working = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        # One task while there is something to answer and none while there is not: an idle agent costs no task.
        try:
            while self._inbox and not self._closing:
                await self._gateway.received(self, self._inbox.pop(0))
                self._pace()
        finally:
            self._working = None

    def _pace(self) -> None:
        """Stop or go on reading, by the rate and by what waits: the rest stays in the peer's own socket."""
        if self._transport is None or self._closing:
            return
        wait_s = self._bucket.take(0, self._gateway.monotonic())
        hold = wait_s > 0 or len(self._inbox) >= limits.INBOX
        if hold and not self._reading_paused:
            self._transport.pause_reading()
        elif self._reading_paused and not hold:
            self._transport.resume_reading()
        self._reading_paused = hold
        if wait_s > 0 and not self._pacing:
            self._pacing = True
            asyncio.get_running_loop().call_later(wait_s, self._pace_again)

    def _pace_again(self) -> None:
        self._pacing = False
        self._pace()

    def _too_slow(self) -> None:
        self._deadline = None
        self._gateway.count("timeouts")
        self.close(UNAUTHENTICATED, "no hello in time")

    # The one HTTP request.

    def _answer(self, request: Request) -> None:
        websocket = self._websocket
        assert websocket is not None
        if self.peer is not None and request.path == PATH:
            websocket.send_response(websocket.accept(request))
        else:
            self._working = asyncio.ensure_future(self._answer_later(request))

    async def _answer_later(self, request: Request) -> None:
        try:
            if self.peer is None:
                self.peer = await self._gateway.identify_anew(self._unknown, self.address)
            if self.peer is None:
                self._respond(401, b"this certificate is not, or no longer, an enrolled agent's\n")
            elif request.path == PATH and self._websocket is not None:
                self._websocket.send_response(self._websocket.accept(request))
                self._flush()
            elif request.path.startswith(_OBJECTS):
                data = await self._gateway.object_for(self.peer, request.path.removeprefix(_OBJECTS))
                self._respond(200, data) if data is not None else self._respond(404, b"not an object of yours\n")
            else:
                self._respond(404, b"nothing here\n")
        except Exception:
            _LOGGER.exception("a request could not be answered")
            self.abort()
        finally:
            self._working = None
            self._begin_work()  # an eager peer may have sent its hello along with the request

    def _respond(self, status: int, body: bytes) -> None:
        """Answer, then close: what follows the head is written as the peer takes it."""
        if self._websocket is None:
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(limits.TRANSFER_TIMEOUT_S, self.abort)
        headers = Headers(
            {
                "Connection": "close",
                "Content-Length": str(len(body)),
                "Content-Type": "application/octet-stream" if status == HTTPStatus.OK else "text/plain",
                "Cache-Control": "no-store",
            }
        )
        head = Response(status, HTTPStatus(status).phrase, headers)
        # The library is told that the request is answered; it would write the whole body at once.
        self._websocket.send_response(head)
        self._websocket.data_to_send()
        self._sending = fragments((head.serialize(), body))
        self._send_more()

    # Writing.

    def _send_more(self) -> None:
        while self._paused_at is None and self._transport is not None and not self._closing:
            if self._sending is None:
                if not self._outbox or self._websocket is None or self._websocket.state is not State.OPEN:
                    return
                self._sending = on_wire(self._outbox.pop(0).pieces)
            chunk = next(self._sending, None)
            if chunk is not None:
                self._transport.write(chunk)
                continue
            self._sending = None
            if self._websocket is not None and self._websocket.eof_sent:
                self._closing = True
                self._transport.close()

    def _flush(self) -> None:
        """Write what the library itself wants to say: answers to pings, handshakes, closing."""
        if self._websocket is None or self._transport is None:
            return
        for data in self._websocket.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._closing = True
                self._transport.close()

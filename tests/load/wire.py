"""WebSockets as a client needs them at scale: text frames over an asyncio transport, and nothing else (RFC 6455)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

_REQUEST: Final = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
HIGH: Final = 64 * 1024


class WebSocket(asyncio.Protocol):
    """One connection.

    Args:
        opened: it is upgraded.
        frame: a whole text message has come.
        ponged: so has a pong, or a ping, which is answered.
        lost: it is gone, and why; said once.
    """

    def __init__(
        self,
        host: str,
        path: str,
        *,
        opened: Callable[[], None],
        frame: Callable[[bytes], None],
        ponged: Callable[[], None],
        lost: Callable[[str], None],
    ) -> None:
        self._request: Final = _REQUEST.format(host=host, path=path).encode()
        self._opened, self._frame, self._ponged, self._lost = opened, frame, ponged, lost
        self._transport: asyncio.Transport | None = None
        self._data = b""
        self._whole: list[bytes] = []
        self._upgraded = False
        self._reason = ""
        self.code = 0
        """With which the server closed it, if it did."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS is done."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Both ways are closed."""
        self._transport = None
        self._lost(self._reason or (str(exc) if exc else "the connection broke off"))

    def data_received(self, data: bytes) -> None:
        """Take frames apart."""
        self._data = self._data + data if self._data else data
        if not self._upgraded and not self._upgrade():
            return
        view, at, size = self._data, 0, len(self._data)
        while size - at >= 2:
            first, second = view[at], view[at + 1]
            length, begin = second & 0x7F, at + 2
            if length == 126:
                length, begin = int.from_bytes(view[at + 2 : at + 4], "big"), at + 4
            elif length == 127:
                length, begin = int.from_bytes(view[at + 2 : at + 10], "big"), at + 10
            if begin > size or size - begin < length:
                break
            at = begin + length
            self._take(first, view[begin:at])
        self._data = view[at:]

    def send(self, text: str) -> None:
        """Send a text message. The mask is of zeros: what it protects from is between a browser and its proxy."""
        self._write(_TEXT, text.encode())

    def ping(self) -> None:
        """Ask whether the server is there."""
        self._write(_PING, b"")

    def close(self, reason: str) -> None:
        """End it."""
        self._reason = self._reason or f"closed by this agent: {reason}"
        if self._transport is not None:
            self._write(_CLOSE, (1000).to_bytes(2, "big"))
            self._transport.close()

    def abort(self) -> None:
        """End it without a word."""
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self) -> None:
        """Take nothing more from the server."""
        if self._transport is not None:
            self._transport.pause_reading()

    def _upgrade(self) -> bool:
        head, found, rest = self._data.partition(b"\r\n\r\n")
        if not found:
            return False
        status = head.split(b"\r\n", 1)[0]
        if b" 101 " not in status:
            self._reason = f"the server answers {status.decode('ascii', 'replace')}"
            self.abort()
            return False
        self._data, self._upgraded = rest, True
        self._opened()
        return True

    def _take(self, first: int, payload: bytes) -> None:
        opcode = first & 0x0F
        if opcode in {0, _TEXT}:
            if first & 0x80 and not self._whole:
                self._frame(payload)
                return
            self._whole.append(payload)
            if first & 0x80:
                whole, self._whole = b"".join(self._whole), []
                self._frame(whole)
        elif opcode == _PING:
            self._write(_PONG, payload)
            self._ponged()
        elif opcode == _PONG:
            self._ponged()
        elif opcode == _CLOSE:
            self.code = int.from_bytes(payload[:2], "big")
            self._reason = self._reason or f"closed by the server: {self.code} {payload[2:].decode('utf-8', 'replace')}"
            if self._transport is not None:
                self._transport.close()

    def _write(self, opcode: int, payload: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        size = len(payload)
        if size < 126:
            head = bytes((0x80 | opcode, 0x80 | size))
        elif size < 65_536:
            head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
        else:
            head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8, "big")
        self._transport.write(head + bytes(4) + payload)

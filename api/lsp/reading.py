"""What comes in: standard input, with a limit on each message."""

from __future__ import annotations

import logging
import re
from typing import BinaryIO, Final

from api.lsp.limits import MAX_HEADER_BYTES, MAX_MESSAGE_BYTES

_LOG: Final = logging.getLogger(__name__)
_LENGTH: Final = re.compile(rb"content-length:\s*(\d{1,18})\s*\r?\n?", re.IGNORECASE)
_CHUNK: Final = 1 << 16


class BoundedInput:
    """A stream of messages. One that is longer than the limit is read past, as if it had not been sent."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream: Final = stream
        self.skipped = 0
        """Messages that were too long."""

    def readline(self) -> bytes:
        """The next line of a header; empty at the stream's end."""
        while True:
            line = self._stream.readline(MAX_HEADER_BYTES)
            found = _LENGTH.fullmatch(line)
            if found is None:
                return line
            length = int(found[1])
            if length <= MAX_MESSAGE_BYTES:
                return b"Content-Length: %d\r\n" % length  # as pygls expects it spelled
            self.skipped += 1
            _LOG.warning("a message of %d bytes was passed over; one may have %d", length, MAX_MESSAGE_BYTES)
            if not self._pass_over(length):
                return b""

    def read(self, count: int) -> bytes:
        """The body of a message; less at the stream's end."""
        return self._stream.read(count)

    def _pass_over(self, length: int) -> bool:
        while self._stream.readline(MAX_HEADER_BYTES) not in (b"\r\n", b"\n", b""):
            pass
        while length > 0:
            chunk = self._stream.read(min(length, _CHUNK))
            if not chunk:
                return False
            length -= len(chunk)
        return True

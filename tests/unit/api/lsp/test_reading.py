"""Messages that come in, with a limit on each."""

from __future__ import annotations

import io

import pytest

from api.lsp import limits
from api.lsp.reading import BoundedInput


def test_a_message_is_read_as_it_is_sent() -> None:
    stream = BoundedInput(io.BytesIO(b"content-length:  5\r\nX: y\r\n\r\nhello"))
    assert [stream.readline() for _ in range(3)] == [b"Content-Length: 5\r\n", b"X: y\r\n", b"\r\n"]
    assert stream.read(5) == b"hello"
    assert stream.readline() == b""


def test_a_message_that_is_too_long_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    long = limits.MAX_MESSAGE_BYTES + 1
    sent = b"Content-Length: %d\r\n\r\n" % long + b"x" * long + b"Content-Length: 2\r\n\r\nok"
    stream = BoundedInput(io.BytesIO(sent))
    assert stream.readline() == b"Content-Length: 2\r\n"
    assert (stream.readline(), stream.read(2), stream.skipped) == (b"\r\n", b"ok", 1)


def test_a_stream_that_ends_within_one_has_ended() -> None:
    stream = BoundedInput(io.BytesIO(b"Content-Length: 999999999999\r\n\r\nx"))
    assert stream.readline() == b""


def test_a_header_line_without_end_is_read_in_pieces() -> None:
    stream = BoundedInput(io.BytesIO(b"x" * (limits.MAX_HEADER_BYTES * 2 + 1)))
    assert len(stream.readline()) == limits.MAX_HEADER_BYTES

"""Frames to agents, written as pieces, so that what many agents get is encoded once and kept once.

A catalog's JSON is the same for every host of a profile: each frame refers to those bytes, and a fleet of slow readers
holds references, not copies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from api.gateway import limits
from schema.protocol.messages import Ack, Check, ErrorMessage, Probe, Renewed, TraitsNeed, Update, Welcome

Pieces = Sequence[bytes]

_CONTINUATION: Final = 0x00
_TEXT: Final = 0x01
_FIN: Final = 0x80


class Frame(NamedTuple):
    """One message on its way out."""

    pieces: Pieces
    replaceable: bool = False
    """Not worth sending once a newer one of its kind waits behind it."""


def welcome(head: Welcome, target: Pieces | None) -> Frame:
    """The first frame to an agent; `head.target` is not read."""
    start = head.model_dump_json(exclude={"target"}).encode()[:-1]
    return Frame((start, b',"target":', *(target or (b"null",)), b"}"))


def apply(target: Pieces) -> Frame:
    """A new target."""
    return Frame((b'{"type":"apply","target":', *target, b"}"), replaceable=True)


def ack(message: Ack) -> Frame:
    """What the agent may forget."""
    return Frame((message.model_dump_json(exclude_none=True).encode(),))


def traits_need(message: TraitsNeed) -> Frame:
    """Which traits the agent is to send."""
    return Frame((message.model_dump_json().encode(),))


def renewed(message: Renewed) -> Frame:
    """The agent's next certificate."""
    return Frame((message.model_dump_json().encode(),))


def update(message: Update) -> Frame:
    """What an agent is to become."""
    return Frame((message.model_dump_json().encode(),))


def check(message: Check) -> Frame:
    """That somebody wants a full check. One is enough of those that wait."""
    return Frame((message.model_dump_json().encode(),))


def probe(message: Probe) -> Frame:
    """What a host is to run."""
    return Frame((message.model_dump_json(exclude_none=True).encode(),))


def error(message: ErrorMessage) -> Frame:
    """What the agent did wrong."""
    return Frame((message.model_dump_json().encode(),))


_OBJECTS: Final = b'{"type":"objects","objects":['


def objects(found: Sequence[bytes], unknown: Sequence[str]) -> Iterator[Frame]:
    """The answer to `need`: as many frames as its size asks for, the unknown digests in the last."""
    batch: list[bytes] = []
    size = 0
    for item in found:
        if batch and size + len(item) > limits.OBJECTS_FRAME_BYTES:
            yield Frame((_OBJECTS, *batch, b"]}"))
            batch, size = [], 0
        if batch:
            batch.append(b",")
        batch.append(item)
        size += len(item)
    names = ",".join(f'"{sha256}"' for sha256 in unknown).encode()
    yield Frame((_OBJECTS, *batch, b'],"unknown":[', names, b"]}"))


def on_wire(pieces: Pieces) -> Iterator[bytes]:
    """A text message as WebSocket frames without a mask (RFC 6455, 5.2), each to be written for itself."""
    size = sum(map(len, pieces))
    if size <= limits.FRAGMENT_BYTES:  # most: one write, and no generator
        return iter((b"".join((_head(_FIN | _TEXT, size), *pieces)),))
    return _frames(pieces)


def fragments(pieces: Pieces) -> Iterator[bytes | memoryview]:
    """The pieces as fragments of about `FRAGMENT_BYTES`: small ones joined, large ones cut without a copy."""
    small: list[bytes] = []
    size = 0
    for piece in pieces:
        if size + len(piece) <= limits.FRAGMENT_BYTES:
            small.append(piece)
            size += len(piece)
            continue
        if small:
            yield b"".join(small)
            small, size = [], 0
        if len(piece) <= limits.FRAGMENT_BYTES:
            small, size = [piece], len(piece)
            continue
        view = memoryview(piece)
        for start in range(0, len(piece), limits.FRAGMENT_BYTES):
            yield view[start : start + limits.FRAGMENT_BYTES]
    if small:
        yield b"".join(small)


def _frames(pieces: Pieces) -> Iterator[bytes]:
    opcode, rest = _TEXT, fragments(pieces)
    fragment: bytes | memoryview | None = next(rest, b"")
    while fragment is not None:
        following = next(rest, None)
        yield _head(opcode if following is not None else opcode | _FIN, len(fragment)) + fragment
        fragment, opcode = following, _CONTINUATION


def _head(first: int, size: int) -> bytes:
    """What comes before a payload of less than 64 KiB, as every one of at most `FRAGMENT_BYTES` is."""
    if size < 126:
        return bytes((first, size))
    return bytes((first, 126)) + size.to_bytes(2, "big")

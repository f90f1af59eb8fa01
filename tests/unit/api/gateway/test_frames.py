"""Messages as they go over the wire: whole, in order, each frame as large as it may be, as the library reads them."""

from __future__ import annotations

import pytest
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode
from websockets.protocol import Protocol, Side

from api.gateway import frames, limits

LARGEST = limits.FRAGMENT_BYTES


@pytest.mark.parametrize(
    "sizes",
    [
        (),
        (0,),
        (1, 124),
        (126,),
        (LARGEST,),
        (LARGEST, 1),
        (100, 3 * LARGEST + 5, 200, LARGEST),
        (65_536,),
        (9,) * 2_000,
    ],
)
def test_a_client_reads_what_was_sent(sizes: tuple[int, ...]) -> None:
    pieces = [bytes([97 + number % 26]) * size for number, size in enumerate(sizes)]
    written = list(frames.on_wire(pieces))
    client = Protocol(Side.CLIENT)
    client.receive_data(b"".join(written))
    read = [event for event in client.events_received() if isinstance(event, WireFrame)]
    assert b"".join(bytes(frame.data) for frame in read) == b"".join(pieces)
    assert [frame.opcode for frame in read] == [Opcode.TEXT] + [Opcode.CONT] * (len(read) - 1)
    assert [frame.fin for frame in read] == [False] * (len(read) - 1) + [True]
    assert all(len(frame.data) <= LARGEST for frame in read)
    assert len(written) == len(read)

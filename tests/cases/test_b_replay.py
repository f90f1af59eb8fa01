"""Hostile cases, group B: replay and signed state. Each of them, and every test that shows it: docs/hostile-input.md."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cases.measure import MIB, cost
from tests.factories.gateway import Authority

# B10


@pytest.fixture
def talker(tmp_path: Path) -> Iterator[str]:
    """A server that answers a request with bytes for as long as somebody takes them."""
    context = Authority().context(tmp_path, mutual=False)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                one, _ = listener.accept()
                with suppress(OSError), context.wrap_socket(one, server_side=True) as peer:
                    peer.settimeout(30)
                    peer.recv(65536)
                    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
                    for _ in range(1024):
                        peer.sendall(b"x" * MIB)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}/"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(30)


def test_b10_an_endless_answer_is_cut_off_within_32_mib(talker: str) -> None:
    found = cost("tests.cases.acts:answered", talker)
    assert "an answer of more than" in str(found.outcome)
    assert found.grown_bytes < 32 * MIB

"""A wire between an agent and its server that somebody has hands on: a TCP proxy that can be cut, stopped and slowed."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
import time
from typing import Final

CHUNK: Final = 64 * 1024
TURN_S: Final = 0.02


class Wire:
    """Listens on loopback and hands on to a port.

    `up` and `down` say whether bytes towards the server and towards the agent get through; while they do not, they wait,
    as segments that are sent again and again wait for a network to come back.
    """

    def __init__(self, port: int) -> None:
        self.up = True
        self.down = True
        self.bytes_s: int | None = None
        """How many get through in each direction; None for all there are."""
        self.cut_after: int | None = None
        """Reset each new connection after so many bytes."""
        self.connections = 0
        self.carried = 0
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(TURN_S)
        self._over = threading.Event()
        self._pairs: set[_Pair] = set()
        self._thread = threading.Thread(target=self._run, name="wire", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where the agent finds it."""
        return int(self._listener.getsockname()[1])

    def reset(self) -> None:
        """Break all connections at once, as a firewall that forgot them does."""
        for pair in list(self._pairs):
            pair.reset()

    def close(self) -> None:
        """Take it away."""
        self._over.set()
        self._thread.join()
        self.reset()
        self._listener.close()

    def _run(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                near, _ = self._listener.accept()
                self._pairs.add(_Pair(self, near, self._port))
                self.connections += 1  # last: who sees it counted may reset it
            self._pairs = {pair for pair in self._pairs if pair.alive}


class _Pair:
    """One connection, both halves of it."""

    def __init__(self, wire: Wire, near: socket.socket, port: int) -> None:
        self._wire = wire
        self._near = near
        self._far: socket.socket | None = None
        self._left = wire.cut_after
        self.alive = True
        threading.Thread(target=self._run, args=(port,), daemon=True).start()

    def reset(self) -> None:
        """End both sides with RST."""
        self.alive = False
        for end in (self._near, self._far):
            if end is not None:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.close()

    def _run(self, port: int) -> None:
        try:
            self._far = socket.create_connection(("127.0.0.1", port), timeout=5)
            self._carry(self._far)
        except (OSError, ValueError):  # the latter of a socket that was reset before it was carried
            pass
        finally:
            self.reset()

    def _carry(self, far: socket.socket) -> None:
        wire = self._wire
        with selectors.DefaultSelector() as selector:
            selector.register(self._near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, self._near)
            while self.alive:
                for key, _ in selector.select(TURN_S):
                    source, target = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    if not (wire.up if source is self._near else wire.down):
                        time.sleep(TURN_S)
                        continue
                    data = source.recv(self._room())
                    if not data:
                        return
                    target.sendall(data)
                    wire.carried += len(data)
                    if wire.bytes_s is not None:
                        time.sleep(len(data) / wire.bytes_s)
                    if self._left is not None:
                        self._left -= len(data)
                        if self._left <= 0:
                            return

    def _room(self) -> int:
        if self._left is not None:
            return max(1, min(CHUNK, self._left))
        return max(1, self._wire.bytes_s // 50) if self._wire.bytes_s is not None else CHUNK

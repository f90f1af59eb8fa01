"""The boundary between two processes: `agent.boundary.Executor` over one socket that both were born with.

A frame is a header (length of the body, what is called or answered, the number of the call; most significant byte
first) and a body. Calls wait for their answers in any order; number 0 is what the executor says unasked.

`Far` is the link's end and trusts the other. `Near` is the executor's and does not: each call has a limit on its
length, one lane serves calls of a kind one after the other, and whoever sends what is no frame, or more than lanes
take, has their socket closed. The supervisor then starts another link.
"""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partialmethod
from queue import Full, Queue, SimpleQueue
from threading import Lock, Thread
from time import monotonic, sleep
from typing import Any, Final, NamedTuple

from agent.boundary import Executor, Notice

HEADER: Final = struct.Struct("!IBI")
MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
SEND_TIMEOUT_S: Final = 20
"""A link that does not read its answers is none."""
LARGE_BYTES: Final = 1024 * 1024
MAX_WAITING: Final = 4
"""Calls of one lane. A link makes one after the other, and two links may follow each other."""
_FAILED: Final = 255
_KIB: Final = 1024

_log: Final = logging.getLogger("vigo.crossing")


class _Call(NamedTuple):
    number: int
    limit: int
    """Bytes of its argument."""
    lane: str = "control"


CALLS: Final[Mapping[str, _Call]] = {
    "standing": _Call(1, 0),
    "offer": _Call(2, 16 * _KIB * _KIB),
    "store": _Call(3, 32 * _KIB * _KIB),
    "converge": _Call(4, 64, "runs"),
    "collect": _Call(5, 64 * _KIB, "traits"),
    "reports": _Call(6, 64),
    "forget": _Call(7, 64),
    "present": _Call(8, 0),
    "request": _Call(9, 0),
    "install": _Call(10, 64 * _KIB),
    "remember": _Call(11, 64 * _KIB),
    "confirm": _Call(12, 0),
    "put_back": _Call(13, 0, "runs"),
    "update": _Call(14, 16 * _KIB, "runs"),
    "probe": _Call(15, 256 * _KIB, "probes"),
}
_BY_NUMBER: Final = {call.number: name for name, call in CALLS.items()}
LANES: Final = tuple(dict.fromkeys(call.lane for call in CALLS.values()))


class Cut(ConnectionError):
    """The other end is gone, or could not do what it was asked for."""


class Far:
    """The executor, as the link has it. Calls may be made from several threads.

    Args:
        noticed: told, in a thread of its own, what the executor says unasked; None when it is gone.
    """

    def __init__(self, end: socket.socket, noticed: Callable[[Notice | None], None]) -> None:
        self._end: Final = end
        self._noticed: Final = noticed
        self._sending: Final = Lock()
        self._lock: Final = Lock()
        self._waiting: Final[dict[int, SimpleQueue[tuple[int, bytes]]]] = {}
        self._next = 1
        self._gone = False
        Thread(target=self._read, name="executor", daemon=True).start()

    def _call(self, name: str, argument: bytes) -> bytes:
        answered: SimpleQueue[tuple[int, bytes]] = SimpleQueue()
        call = CALLS[name]
        with self._lock:
            if self._gone:
                raise Cut("the executor is gone")
            number, self._next = self._next, self._next % 0xFFFFFFFF + 1
            self._waiting[number] = answered
        try:
            with self._sending:
                _send(self._end, call.number, number, argument)
            kind, answer = answered.get()
        except OSError as error:
            raise Cut(f"the executor is gone: {error.strerror or error}") from error
        finally:
            with self._lock:
                self._waiting.pop(number, None)
        if kind != call.number:
            raise Cut(answer.decode("utf-8", "replace"))
        return answer

    standing = partialmethod(_call, "standing")
    offer = partialmethod(_call, "offer")
    store = partialmethod(_call, "store")
    converge = partialmethod(_call, "converge")
    collect = partialmethod(_call, "collect")
    reports = partialmethod(_call, "reports")
    forget = partialmethod(_call, "forget")
    present = partialmethod(_call, "present")
    request = partialmethod(_call, "request")
    install = partialmethod(_call, "install")
    remember = partialmethod(_call, "remember")
    confirm = partialmethod(_call, "confirm")
    put_back = partialmethod(_call, "put_back")
    update = partialmethod(_call, "update")
    probe = partialmethod(_call, "probe")

    def _read(self) -> None:
        with suppress(OSError):
            while (frame := _receive(self._end, _admit_answer)) is not None:
                kind, number, body = frame
                if number == 0:
                    with suppress(ValueError):  # of a newer executor
                        self._noticed(Notice(body.decode()))
                    continue
                with self._lock:
                    waiting = self._waiting.get(number)
                if waiting is not None:
                    waiting.put((kind, body))
        with self._lock:
            self._gone = True
            left = list(self._waiting.values())
        for each in left:
            each.put((_FAILED, b"the executor is gone"))
        self._noticed(None)


class Near:
    """What the executor serves its links with: one link at a time, and lanes that outlive each."""

    def __init__(self, executor: Executor) -> None:
        self._executor: Final = executor
        self._lanes: Final[dict[str, Queue[tuple[_Link, int, int, str, bytes]]]] = {
            lane: Queue(MAX_WAITING) for lane in LANES
        }
        self._link: _Link | None = None
        self._serving: Final[set[str]] = set()
        self._beginning: Final = Lock()

    def attach(self, end: socket.socket) -> None:
        """Serve this link from now on, and its predecessor no more."""
        before, self._link = self._link, _Link(end)
        if before is not None:
            before.cut()
        Thread(target=self._read, args=(self._link,), name="link", daemon=True).start()

    def tell(self, notice: Notice) -> None:
        """Say something unasked to the link that there is."""
        link = self._link
        if link is not None:
            link.answer(_FAILED, 0, notice.encode())

    def finish(self, timeout_s: float) -> None:
        """Take no more calls, and give those under way this long to end."""
        if self._link is not None:
            self._link.cut()
        deadline = monotonic() + timeout_s
        while not self.idle and monotonic() < deadline:
            sleep(0.01)

    @property
    def idle(self) -> bool:
        """Whether nothing is done for any link, and nothing waits."""
        return not any(queue.unfinished_tasks for queue in self._lanes.values())

    def _read(self, link: _Link) -> None:
        """Take calls until the link ends or breaks a rule."""
        try:
            while (frame := _receive(link.end, self._admit)) is not None:
                kind, number, body = frame
                name = _BY_NUMBER[kind]
                self._lane(CALLS[name].lane).put_nowait((link, kind, number, name, body))
        except Full:
            _log.error("the link asks for more than an executor does at once: it is cut off")
        except ValueError as error:
            _log.error("what the link says is no call: it is cut off: %s", error)
        except OSError as error:
            _log.debug("the link is gone: %s", error)
        link.close()

    def _lane(self, name: str) -> Queue[tuple[_Link, int, int, str, bytes]]:
        """Where calls of a kind wait, and somebody to serve them from the first one on."""
        queue = self._lanes[name]
        with self._beginning:
            if name not in self._serving:
                self._serving.add(name)
                Thread(target=self._serve, args=(queue,), name=name, daemon=True).start()
        return queue

    def _admit(self, kind: int, length: int) -> None:
        """Let a body come, or not; a large one once its lane has done all before it: memory for one is enough."""
        name = _BY_NUMBER.get(kind)
        if name is None:
            raise ValueError(f"there is no call {kind}")
        if length > CALLS[name].limit:
            raise ValueError(f"{length} bytes are too many for {name}")
        if length > LARGE_BYTES:
            self._lanes[CALLS[name].lane].join()

    def _serve(self, queue: Queue[tuple[_Link, int, int, str, bytes]]) -> None:
        while True:
            link, kind, number, name, body = queue.get()
            try:
                act: Callable[[bytes], bytes] = getattr(self._executor, name)
                answer = act(body)
            except Exception as error:  # noqa: BLE001 - a full disk, a fault of ours: said, and survived
                _log.exception("%s was not answered", name)
                kind, answer = _FAILED, f"{type(error).__name__}: {error}"[:4096].encode("utf-8", "replace")
            link.answer(kind, number, answer)
            queue.task_done()
            del body, answer


class _Link:
    """One link's socket, while it has it."""

    def __init__(self, end: socket.socket) -> None:
        self.end: Final = end
        self._sending: Final = Lock()
        self._ending: Final = Lock()
        """Whoever shuts it down does so before it is closed: its number may be another file's after that."""
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_TIMEOUT_S, 0))

    def answer(self, kind: int, number: int, body: bytes) -> None:
        """Send; a link that is gone or does not read misses it."""
        try:
            with self._sending:
                _send(self.end, kind, number, body)
        except OSError:
            self.cut()

    def cut(self) -> None:
        """End it: whoever waits on it, waits no more."""
        with suppress(OSError), self._ending:
            self.end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of its descriptor, too."""
        self.cut()
        with self._sending, self._ending:
            self.end.close()


def _admit_answer(_: int, length: int) -> None:
    if length > MAX_ANSWER_BYTES:
        raise ConnectionError("the executor's answer is too long")


def _send(end: socket.socket, kind: int, number: int, body: bytes) -> None:
    if len(body) < _KIB * _KIB:
        end.sendall(HEADER.pack(len(body), kind, number) + body)
        return
    end.sendall(HEADER.pack(len(body), kind, number))
    end.sendall(body)


def _receive(end: socket.socket, admit: Callable[[int, int], None]) -> tuple[int, int, bytes] | None:
    """The next frame; None at the end. Plain reads: a descriptor that somebody sends along is never taken.

    Args:
        admit: asked with kind and length before the body is read; raises what this raises.

    Raises:
        OSError: it breaks off.
    """
    header = _exactly(end, HEADER.size, at_start=True)
    if header is None:
        return None
    length, kind, number = HEADER.unpack(header)
    admit(kind, length)
    body = _exactly(end, length) if length else b""
    assert body is not None
    return kind, number, body


def _exactly(end: socket.socket, size: int, *, at_start: bool = False) -> bytes | None:
    first: Any = end.recv(size)
    if len(first) == size:
        return bytes(first)
    if not first and at_start:
        return None
    whole = bytearray(size)
    whole[: len(first)] = first
    view, have = memoryview(whole), len(first)
    while have < size:
        got = end.recv_into(view[have:])
        if not got:
            raise ConnectionError("it ended in the middle of a frame")
        have += got
    view.release()
    return bytes(whole)

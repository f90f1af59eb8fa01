"""The pool: children that compute under limits; one that is ended is replaced, and costs one job.

May be used from several threads: each batch of jobs has a child to itself.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

import reconciler
from reconciler.rendering.confined import HEADER

BATCH: Final = 64
BATCH_BYTES: Final = 4 * 1024 * 1024
"""Jobs that are sent at once: so many, and no more bytes than this but for one job."""
TOO_LONG: Final = "rendering all of it takes too long"

_START: Final = "import sys; sys.path.insert(0, {root!r}); from reconciler.rendering.confined import main; main{args!r}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may use."""

    cpu_s: int = 2
    memory_bytes: int = 256 * 1024 * 1024
    """Of the whole child."""
    wall_s: float = 10.0
    """A child that is silent for longer is ended."""
    answer_bytes: int = 1024 * 1024
    jobs: int = 20_000
    """A child is replaced after so many."""


class Pool:
    """Children that compute one function. They start when they are first needed.

    Args:
        target: `module:function` of our own code, that takes and gives plain data.
        size: children at once; who finds all of them busy waits.
    """

    def __init__(self, target: str, limits: Limits | None = None, *, size: int = 1) -> None:
        self._target: Final = target
        self._limits: Final = limits or Limits()
        self._free: Final = threading.Semaphore(size)
        self._idle: Final[list[_Child]] = []
        self._lock: Final = threading.Lock()
        self._closed = False
        # Whoever forgets to close it leaves no child behind.
        weakref.finalize(self, _end_all, self._idle)

    def run(self, jobs: Sequence[Any], *, deadline_s: float) -> list[Any]:
        """The answers, in order. A job without one has `{"refused": why}` in its place.

        Args:
            deadline_s: for all of them together, waiting for a child included.
        """
        until = time.monotonic() + deadline_s
        answers: list[Any] = []
        if not jobs or not self._free.acquire(timeout=deadline_s):
            return [{"refused": TOO_LONG} for _ in jobs]
        try:
            while len(answers) < len(jobs) and time.monotonic() < until:
                child = self._child()
                whole = child.run(_batch(jobs, len(answers)), answers, until)
                if whole and child.served < self._limits.jobs and not self._closed:
                    with self._lock:
                        self._idle.append(child)
                else:
                    child.end()
        finally:
            self._free.release()
        return answers + [{"refused": TOO_LONG} for _ in jobs[len(answers) :]]

    def close(self) -> None:
        """End the children. One that is at work is ended when its batch is done."""
        with self._lock:
            self._closed = True
            _end_all(self._idle)

    def _child(self) -> _Child:
        while True:
            with self._lock:
                child = self._idle.pop() if self._idle else _Child(self._target, self._limits)
            if child.alive:
                return child
            child.end()


def _batch(jobs: Sequence[Any], start: int) -> list[bytes]:
    found: list[bytes] = []
    size = 0
    for job in jobs[start : start + BATCH]:
        body = orjson.dumps(job, option=orjson.OPT_NON_STR_KEYS)
        size += len(body)
        if found and size > BATCH_BYTES:
            break
        found.append(body)
    return found


def _end_all(idle: list[_Child]) -> None:
    while idle:
        idle.pop().end()


class _Child:
    def __init__(self, target: str, limits: Limits) -> None:
        self.served = 0
        self._ready = False
        self._limits: Final = limits
        root = str(Path(reconciler.__file__).parents[1])
        args = (target, limits.memory_bytes, limits.cpu_s, limits.answer_bytes)
        # -I: neither environment nor working directory say what is imported. Nothing is inherited but three pipes.
        self._process: Final = subprocess.Popen(
            [sys.executable, "-I", "-B", "-c", _START.format(root=root, args=args)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            close_fds=True,
            bufsize=0,
        )

    @property
    def alive(self) -> bool:
        """Whether it has not ended by itself: somebody else may have ended it since it was last asked."""
        return self._process.poll() is None

    def run(self, jobs: Sequence[bytes], answers: list[Any], until: float) -> bool:
        """Append the answers to a batch; false when this child is not to be asked again.

        The job at which a child ends is refused; those behind it are left for another.
        """
        self.served += len(jobs)
        # To start is no job's time: on a busy machine it takes seconds.
        self._ready = self._ready or self._read(HEADER, until) == bytes(HEADER)
        body = b"[" + b",".join(jobs) + b"]"
        if not self._ready or not self._send(len(body).to_bytes(HEADER, "big") + body, until):
            answers.append({"refused": "the process that renders has ended"})
            return False
        for _ in jobs:
            left = min(self._limits.wall_s, until - time.monotonic())
            answer = self._answer(time.monotonic() + left)
            if answer is None:
                answers.append({"refused": "rendering it takes more than it may"})
                return False
            answers.append(orjson.loads(answer))
        return True

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        with suppress(OSError):
            self._process.communicate()

    def _send(self, data: bytes, until: float) -> bool:
        assert self._process.stdin is not None
        fd = self._process.stdin.fileno()
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        left = memoryview(data)
        try:
            while left:
                # A pipe that takes something takes at least as much as it is said to write at once.
                if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
                    return False
                left = left[os.write(fd, left[: select.PIPE_BUF]) :]
        except OSError:
            return False
        return True

    def _answer(self, until: float) -> bytes | None:
        header = self._read(HEADER, until)
        size = int.from_bytes(header, "big") if header is not None else 0
        if header is None or size > self._limits.answer_bytes + 4096:
            return None
        return self._read(size, until)

    def _read(self, size: int, until: float) -> bytes | None:
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(fd, select.POLLIN | select.POLLHUP)
        found = bytearray()
        while len(found) < size:
            if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
                return None
            data = os.read(fd, size - len(found))
            if not data:
                return None
            found += data
        return bytes(found)

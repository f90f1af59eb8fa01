"""Proofs: a child reads a commit before the server does, and says whether it may.

What is hostile in a repository is met there, under limits of time and memory: objects that libgit2 would take for ever
to unpack, that it does not survive, or that are not what they claim. The child is kept, and knows what it has read: a
commit of one file of five thousand costs two milliseconds. What it has found good is read again here, with the same
checks; between the two somebody who may write to the repository itself could change it, and is caught by those.
"""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reconciler.repository.faults import (
    ReaderMissing,
    ReadingLimit,
    RepositoryDamaged,
    RepositoryNotFound,
    RevisionNotFound,
    RevisionRefused,
    TreeRefused,
)
from schema.errors import Fault

log = logging.getLogger("vigo.repository")

KEPT: Final = 256
"""Commits whose proof is remembered."""
MAX_ANSWER_BYTES: Final = 64 * 1024
START_S: Final = 30.0
"""Until a child is ready: it loads libgit2, and a busy machine takes long."""
ATTEMPTS: Final = 2
"""Something else than a commit may end a child: another gets to read it, once."""

_FAULTS: Final[dict[str, type[Fault]]] = {
    fault.code: fault
    for fault in (RepositoryDamaged, RepositoryNotFound, RevisionNotFound, RevisionRefused, TreeRefused)
}


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """What reading one commit first may use."""

    wall_s: float = 60.0
    cpu_s: int = 30
    memory_bytes: int = 512 * 1024 * 1024


class Proofs:
    """Has commits of one repository read by a child first. Safe from several threads, one of which waits for another.

    Args:
        path: the git directory.
    """

    def __init__(self, path: Path, limits: ReadLimits | None = None) -> None:
        self._path: Final = path.absolute()
        self._limits: Final = limits or ReadLimits()
        self._lock: Final = threading.Lock()
        self._child: _Child | None = None
        self._good: Final[OrderedDict[str, None]] = OrderedDict()
        self._bad: Final[OrderedDict[str, None]] = OrderedDict()
        self._closed = False
        self._was_damaged = False
        self.fault: tuple[str, Fault] | None = None
        """The last commit that was asked for, and why it cannot be read; None where it can."""
        self.on_damage: Callable[[], None] = _nothing
        """Called, in the thread that asked, when a commit is damaged."""
        self.on_healed: Callable[[], None] = _nothing
        """Called, in the thread that asked, when one can be read after one was damaged: what was opened before may
        still hold on to files that are no more."""

    def start(self) -> None:
        """Begin a child without waiting until it is ready."""
        with self._lock, suppress(ReaderMissing):
            self._alive()

    def first(self, commit: str, base: str | None = None, *, restore: bool = False) -> None:
        """Make sure that a commit, its history down to `base`, and all of its files can be read.

        Args:
            restore: it was read before it came into force; only what the next one is compared with is read, meanwhile.

        Raises:
            RepositoryDamaged, TreeRefused, RevisionNotFound, RevisionRefused: as `Repository.tree` would.
            ReadingLimit: it took too much, or ended the child.
            ReaderMissing: there is no child to be had.
        """
        with self._lock:
            if restore:
                with suppress(ReaderMissing):
                    self._alive().put(commit)
                return
            if commit in self._good:
                self._good.move_to_end(commit)
                return
            try:
                self._prove(commit, base)
            except Fault as fault:
                self.fault = commit, fault
                if isinstance(fault, ReadingLimit):
                    _keep(self._bad, commit)
                if isinstance(fault, RepositoryDamaged):
                    self._damaged(fault)
                raise
            self.fault = None
            if self._was_damaged:
                self._was_damaged = False
                self.on_healed()
            self._bad.pop(commit, None)
            _keep(self._good, commit)

    def refuses(self, commit: str) -> bool:
        """Whether reading a commit was more than its child could bear: nothing of it is to be read here."""
        return commit in self._bad

    def close(self) -> None:
        """End the child, whatever it does. Who waits for it is told that it has ended."""
        self._closed = True
        child = self._child
        if child is not None:
            child.end()

    def _damaged(self, fault: Fault) -> None:
        self._was_damaged = True
        if self._child is not None:
            self._child.end()
        log.warning("the repository is damaged: %s", fault.message)
        self.on_damage()

    def _prove(self, commit: str, base: str | None) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            child = self._alive()
            verdict = child.ask(commit, base, self._limits.wall_s)
            if verdict is not None:
                _judge(commit, verdict)
                return
            child.end()
            if child.late or attempt == ATTEMPTS or self._closed:
                raise ReadingLimit(
                    f"commit {commit[:12]} cannot be read: it takes more time or memory than it may, or ends the"
                    f" process that reads it ({child.ending})"
                )

    def _alive(self) -> _Child:
        if self._closed:
            raise ReaderMissing("this server is ending")
        if self._child is None or self._child.over:
            if self._child is not None:
                self._child.end()
            self._child = _Child(self._path, self._limits)
        return self._child


def _nothing() -> None:
    """Nobody is to be told."""


def _judge(commit: str, verdict: dict[str, Any]) -> None:
    code, message = str(verdict.get("fault", "")), str(verdict.get("message", ""))
    if code:
        fault = _FAULTS.get(code)
        raise fault(message) if fault is not None else ReadingLimit(f"commit {commit[:12]} cannot be read: {message}")


def _keep(kept: OrderedDict[str, None], commit: str) -> None:
    kept[commit] = None
    kept.move_to_end(commit)
    while len(kept) > KEPT:
        kept.popitem(last=False)


class _Child:
    """One process that reads, and the lines to and from it."""

    def __init__(self, path: Path, limits: ReadLimits) -> None:
        self.late = False
        """It was silent for too long."""
        self._owed = 1
        """Answers to questions that nobody waits for; the first line says that it is ready."""
        self._ready = False
        self._buffer = b""
        try:
            self._process: Final = subprocess.Popen(
                [sys.executable, "-P", "-s", "-m", "reconciler.repository.proving"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={
                    "HOME": "/nonexistent",
                    "LANG": "C.UTF-8",
                    "PATH": "",
                    "PYTHONPATH": os.pathsep.join(str(Path(part).absolute()) for part in sys.path if part),
                },
                cwd="/",
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise ReaderMissing(f"the process that reads a repository first cannot be started: {error}") from error
        self._send({"path": str(path), "memory_bytes": limits.memory_bytes, "cpu_s": limits.cpu_s})

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    @property
    def ending(self) -> str:
        """How it ended."""
        code = self._process.returncode
        if self.late:
            return "out of time"
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    def put(self, commit: str) -> None:
        """Have a commit read without waiting for the answer."""
        if self._send({"commit": commit, "base": None}):
            self._owed += 1

    def ask(self, commit: str, base: str | None, wall_s: float) -> dict[str, Any] | None:
        """The answer for a commit; None where the child has ended, or is out of time."""
        if not self._send({"commit": commit, "base": base}):
            return None
        while True:
            # To start is no commit's time.
            line = self._line(time.monotonic() + (wall_s if self._ready else START_S))
            if line is None:
                return None
            self._ready = True
            if not self._owed:
                break
            self._owed -= 1
        try:
            found = json.loads(line)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def end(self) -> None:
        """End it."""
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _send(self, what: dict[str, Any]) -> bool:
        assert self._process.stdin is not None
        try:
            # Far less than a pipe holds, so this waits for nobody.
            self._process.stdin.write(json.dumps(what).encode() + b"\n")
        except (OSError, ValueError):
            return False
        return True

    def _line(self, until: float) -> bytes | None:
        assert self._process.stdout is not None
        poll = select.poll()
        try:
            fd = self._process.stdout.fileno()
        except ValueError:
            return None
        poll.register(fd, select.POLLIN | select.POLLHUP)
        while b"\n" not in self._buffer:
            if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
                self.late = True
                return None
            try:
                data = os.read(fd, 65_536)
            except OSError:
                return None
            if not data or len(self._buffer) > MAX_ANSWER_BYTES:
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

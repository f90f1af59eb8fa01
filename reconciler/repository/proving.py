"""The child that reads a commit first: every object of it that was not read before, within limits.

Run as a program by `proofs`, one for as long as its parent lives. Each line of standard input is a commit; each line
of standard output says whether the server may read it: sizes, depth, counts, differences on differences, names and
hashes are as `objects`, `packs` and `listing` want them, and nothing that libgit2 met on the way ended this process.
It writes nothing, runs nothing and reaches no network.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any, Final, NotRequired, TypedDict

import pygit2

from reconciler.repository import libgit2
from reconciler.repository.fetching import MAPPED_BYTES, WINDOW_BYTES
from reconciler.repository.names import printable
from reconciler.repository.objects import CommitTree
from reconciler.repository.repository import Repository, open_local
from schema.errors import Fault

MAX_MESSAGE_CHARS: Final = 300

_NEW_USER, _NEW_NET, _NEW_IPC = 0x10000000, 0x40000000, 0x08000000
_NO_NEW_PRIVILEGES: Final = 38


class Terms(TypedDict):
    """The first line: what is read, and with how much."""

    path: str
    """The git directory."""
    memory_bytes: int
    """Of its own; what it maps of packs comes on top."""
    cpu_s: int
    """For one commit."""


class Question(TypedDict):
    """One commit."""

    commit: str
    base: str | None
    """The history down to here is read too."""


class Verdict(TypedDict):
    """What was found."""

    fault: str
    """A fault's code; empty when all of it can be read."""
    message: str
    files: NotRequired[int]
    """That were read."""


_TOO_MUCH: Final = Verdict(fault="memory", message="it takes more memory than it may")
_EXHAUSTED: Final = ("annot allocate memory", "ut of memory")
"""The system and libgit2 say so in words, as they say that something is damaged."""


class Reader:
    """Reads what is new in each commit. Keeps the last that was good: the next mostly differs in a few files."""

    def __init__(self, repository: Repository) -> None:
        self._repository: Final = repository
        self._good: CommitTree | None = None

    def judge(self, question: Question) -> Verdict:
        """Read a commit: itself, its history down to `base`, its tree, and each file that the last one had not."""
        try:
            return Verdict(fault="", message="", files=self._read(question["commit"], question["base"]))
        except Fault as fault:
            if any(sign in fault.message for sign in _EXHAUSTED):
                return _TOO_MUCH
            return Verdict(fault=fault.code, message=_shown(fault.message))
        except MemoryError:
            return _TOO_MUCH
        except Exception as error:  # noqa: BLE001 - whatever it is, the server would have met it
            return Verdict(fault="failed", message=_shown(f"{type(error).__name__}: {error}"))

    def _read(self, commit: str, base: str | None) -> int:
        repository, good = self._repository, self._good
        repository.commit_info(commit)
        if base is not None:
            repository.descends(commit, base)
        tree = repository.tree(commit)
        paths = tree.entries().keys() if good is None else tree.changes(good)
        entries = tree.entries()
        oids = {entries[path].oid for path in paths if path in entries}
        for oid in oids:
            tree.read(oid)
        self._good = tree
        return len(oids)


def main() -> None:
    """Read the terms, say that all is ready, and answer until the input ends."""
    terms: Terms = json.loads(sys.stdin.buffer.readline())
    libgit2.harden()
    pygit2.settings.mwindow_size = WINDOW_BYTES
    pygit2.settings.mwindow_mapped_limit = MAPPED_BYTES
    repository = open_local(Path(terms["path"]))
    reader = Reader(repository)
    own = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    _confine(terms["memory_bytes"])
    _say({})
    for line in sys.stdin.buffer:
        _allow(terms, repository.path, own)
        _say(reader.judge(json.loads(line)))


def _say(what: Any) -> None:
    sys.stdout.buffer.write(json.dumps(what).encode() + b"\n")
    sys.stdout.buffer.flush()


def _shown(message: str) -> str:
    return printable(message[:MAX_MESSAGE_CHARS].encode("utf-8", "surrogatepass"))


def _confine(memory_bytes: int) -> None:
    """Give up what reading does not need. What a system does not offer is left; the limits are always there."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    libc.unshare(_NEW_NET | _NEW_IPC if os.geteuid() == 0 else _NEW_USER | _NEW_NET | _NEW_IPC)
    for what, most in (
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (allowed, allowed))


def _allow(terms: Terms, git: Path, own: int) -> None:
    """Give the next commit its processor time, which the kernel counts since the process began, and room to map packs
    in: a pack is looked through as a whole, which takes no memory of its own.

    Args:
        own: bytes of address space that the process began with.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    mapped = 0
    with contextlib.suppress(OSError), os.scandir(git / "objects/pack") as found:
        mapped = sum(entry.stat().st_size for entry in found)
    for what, most in (
        (resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + terms["cpu_s"]),
        (resource.RLIMIT_AS, terms["memory_bytes"] + mapped + own),
    ):
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    main()

"""The processes of the host, all of them in one walk over /proc, and signals to some of them.

Threads of the kernel are left out, and so are the agent itself and the first process.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, HostFault

PROC: Final = "/proc"
MAX_PROCESSES: Final = 65_536
_MEMO: Final = "processes"
_MAX_BYTES: Final = 4 * 1024 * 1024
_USUAL_BYTES: Final = 16 * 1024
# The shell's own `kill`: the program is not everywhere.
_KILL: Final = 'signal=$1; shift; for each in "$@"; do kill -s "$signal" "$each" 2>/dev/null; done; exit 0'


class Process(NamedTuple):
    """One process."""

    pid: int
    comm: str
    """What the kernel calls it: 15 bytes."""
    arguments: tuple[str, ...]
    uid: int
    started: str
    """In clock ticks since the start of the host: with the number it names one process for ever."""

    @property
    def program(self) -> str:
        """The end of the path that it was started by; a login shell's dash belongs to no name."""
        return self.arguments[0].rpartition("/")[2].removeprefix("-")


def running(host: Host) -> Sequence[Process]:
    """What runs, by number.

    Raises:
        HostFault: there is no /proc, or there are more than `MAX_PROCESSES`.
    """
    known: list[Process] | None = host.memo.get(_MEMO)
    if known is None:
        try:
            pids = sorted(int(name) for name in host.listdir(PROC) if name.isascii() and name.isdigit())
        except OSError as error:
            raise HostFault(f"{PROC}: {error.strerror}") from error
        if len(pids) > MAX_PROCESSES:
            raise HostFault(f"more than {MAX_PROCESSES} processes")
        ours = {1, os.getpid(), os.getppid()}
        found = (_process(host, pid) for pid in pids if pid not in ours)
        known = host.memo[_MEMO] = [each for each in found if each is not None]
    return known


def signal(host: Host, name: str, processes: Sequence[Process]) -> None:
    """Send a signal to those that still are what they were; one that has ended meanwhile is no error.

    Raises:
        HostFault: there is no shell.
    """
    alive = [str(each.pid) for each in processes if _process(host, each.pid) == each]
    if alive:
        host.run(["/bin/sh", "-c", _KILL, "signal", name, *alive])


def _process(host: Host, pid: int) -> Process | None:
    """None for a thread of the kernel, and for one that has ended."""
    try:
        arguments = _arguments(host, pid)
        if not arguments:
            return None
        status = host.read(f"{PROC}/{pid}/status", limit=_USUAL_BYTES).decode("utf-8", "replace")
        stat = host.read(f"{PROC}/{pid}/stat", limit=_USUAL_BYTES).decode("utf-8", "replace")
    except (OSError, HostFault):
        return None
    fields = dict(line.partition(":\t")[::2] for line in status.splitlines())
    state = fields.get("State", "")
    after = stat.rpartition(") ")[2].split(" ")  # the name may hold blanks and brackets
    if state[:1] in ("Z", "X") or len(after) < 20:
        return None
    words = tuple(arguments.decode("utf-8", "surrogateescape").rstrip("\0").split("\0"))
    uid = fields.get("Uid", "").split("\t")[1:2]  # the effective one
    return Process(pid, fields.get("Name", ""), words, int(uid[0]) if uid else -1, after[19])


def _arguments(host: Host, pid: int) -> bytes:
    try:
        return host.read(f"{PROC}/{pid}/cmdline", limit=_USUAL_BYTES)
    except HostFault:  # longer than most
        return host.read(f"{PROC}/{pid}/cmdline", limit=_MAX_BYTES)

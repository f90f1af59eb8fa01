"""What runs: proc_pid_stat(5). Names alone: arguments may hold secrets, and are not even read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from agent.hosts import Host, HostFault
from agent.traits import sources

TOP: Final = 10
MAX_PROCESSES: Final = 32_768
_OF_KERNEL: Final = 0x00200000
"""PF_KTHREAD"""


class _Process(NamedTuple):
    pid: int
    name: str
    state: str
    ticks: int
    began: int
    rss_bytes: int
    uid: int


def collect(host: Host) -> dict[str, Any]:
    """`processes.*` of `schema.traits`. In a directory that stands for a host nothing runs."""
    found = [] if host.confined else list(_running(host))
    uptime = float((sources.kernel_readable(host, "/proc/uptime") or "0").split()[0])
    return {
        "count": len(found),
        "zombies": sum(each.state == "Z" for each in found),
        "names": sorted({each.name for each in found}),
        "top_cpu": [_shown(host, each, uptime) for each in _top(found, "ticks")],
        "top_memory": [_shown(host, each, uptime) for each in _top(found, "rss_bytes")],
    }


def pids(host: Host) -> Iterator[int]:
    """The processes of the machine, by number."""
    numbers = (int(name) for name in sources.names(host, "/proc") if name.isdigit())
    for count, pid in enumerate(sorted(numbers)):
        if count >= MAX_PROCESSES:
            return
        yield pid


def name(host: Host, pid: int) -> str:
    """What a process is called; empty when it has ended."""
    return sources.readable(host, f"/proc/{pid}/comm").strip()


def _running(host: Host) -> Iterator[_Process]:
    for pid in pids(host):
        try:
            owner = host.lstat(f"/proc/{pid}")
            process = _parsed(host.read(f"/proc/{pid}/stat", limit=8192).decode("utf-8", "replace"), owner)
        except (OSError, HostFault, ValueError, LookupError):  # it has ended meanwhile, or is nothing of the kind
            continue
        if process is not None:
            yield process


def _parsed(stat: str, owner: Any) -> _Process | None:
    """A name may hold blanks and brackets: it ends at the last one."""
    head, _, rest = stat.rpartition(") ")
    number, _, called = head.partition(" (")
    fields = rest.split()
    if int(fields[6]) & _OF_KERNEL:
        return None
    rss = max(int(fields[21]), 0) * os.sysconf("SC_PAGESIZE")
    uid = owner.uid if owner is not None else 0
    return _Process(int(number), called, fields[0], int(fields[11]) + int(fields[12]), int(fields[19]), rss, uid)


def _top(found: list[_Process], by: str) -> list[_Process]:
    return sorted(found, key=lambda each: (-getattr(each, by), each.pid))[:TOP]


def _shown(host: Host, each: _Process, uptime: float) -> dict[str, Any]:
    hertz = os.sysconf("SC_CLK_TCK")
    lived = max(uptime - each.began / hertz, 1.0)
    return {
        "pid": each.pid,
        "name": each.name,
        "user": host.user_name(each.uid),
        "cpu_percent": round(100 * each.ticks / hertz / lived, 1),
        "rss_mb": round(each.rss_bytes / 1024**2, 1),
    }

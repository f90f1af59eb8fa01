"""Mounted file systems that hold something. A directory that stands for a host has none of its own."""

from __future__ import annotations

import os
import re
from typing import Any, Final

from agent.hosts import Host
from agent.traits import sources

_TABLE: Final = "/proc/self/mounts"
_NOTHING_STORED: Final = re.compile(
    r"autofs|bdev|binfmt_misc|bpf|cgroup2?|configfs|cpuset|debugfs|devpts|devtmpfs|efivarfs|fuse\.gvfsd-fuse|fuse\.portal"
    r"|fusectl|hugetlbfs|mqueue|nsfs|pipefs|proc|pstore|ramfs|rpc_pipefs|securityfs|selinuxfs|sockfs|sysfs|tracefs"
)
_OCTAL: Final = re.compile(r"\\([0-7]{3})")


def collect(host: Host) -> dict[str, Any]:
    """`mountpoints.*` of `schema.traits`."""
    found = {}
    for line in (sources.text(host, _TABLE) or "").splitlines():
        device, point, fstype, options, *_ = (_plain(part) for part in line.split(" "))
        if _NOTHING_STORED.fullmatch(fstype):
            continue
        size = available = 0
        if not host.confined:
            try:
                space = os.statvfs(point)
            except OSError:  # not ours to see, or gone meanwhile
                continue
            size, available = space.f_blocks * space.f_frsize, space.f_bavail * space.f_frsize
        found[point] = {
            "device": device,
            "fstype": fstype,
            "options": options.split(","),
            "size_mb": size // 1024**2,
            "available_mb": available // 1024**2,
        }
    return found


def _plain(text: str) -> str:
    """As fstab(5) escapes blanks in names."""
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)

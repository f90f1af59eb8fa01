"""Mounted file systems that hold something. A directory that stands for a host has none of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from agent.hosts import Host
from agent.traits import sources

TABLE: Final = "/proc/self/mounts"
_NOTHING_STORED: Final = re.compile(
    r"autofs|bdev|binfmt_misc|bpf|cgroup2?|configfs|cpuset|debugfs|devpts|devtmpfs|efivarfs|fuse\.gvfsd-fuse|fuse\.portal"
    r"|fusectl|hugetlbfs|mqueue|nsfs|pipefs|proc|pstore|ramfs|rpc_pipefs|securityfs|selinuxfs|sockfs|sysfs|tracefs"
)
NETWORK: Final = re.compile(r"nfs[34]?|cifs|smb3|9p|afs|ceph|glusterfs|fuse\.(sshfs|glusterfs|s3fs|rclone)")
"""To ask one of these how full it is may hang for ever."""


class Mount(NamedTuple):
    """One line of the table."""

    device: str
    point: str
    fstype: str
    options: list[str]


def collect(host: Host) -> dict[str, Any]:
    """`mountpoints.*` of `schema.traits`."""
    found = {}
    for mount in mounted(host):
        size = available = 0
        space = usage(host, mount)
        if space is not None:
            size, available = space.f_blocks * space.f_frsize, space.f_bavail * space.f_frsize
        elif not host.confined and not NETWORK.fullmatch(mount.fstype):  # not ours to see, or gone meanwhile
            continue
        found[mount.point] = {
            "device": mount.device,
            "fstype": mount.fstype,
            "options": mount.options,
            "size_mb": size // 1024**2,
            "available_mb": available // 1024**2,
        }
    return found


def mounted(host: Host) -> Iterator[Mount]:
    """What is mounted and holds something. Of options that hold a secret the name alone."""
    for line in (sources.text(host, TABLE) or "").splitlines():
        parts = line.split(" ")
        if len(parts) < 4:
            continue
        device, point, fstype, options = (sources.unescaped(part) for part in parts[:4])
        if not _NOTHING_STORED.fullmatch(fstype):
            yield Mount(device, point, fstype, sources.options(options))


def usage(host: Host, mount: Mount) -> os.statvfs_result | None:
    """How full it is; None where that is not asked or not told."""
    if host.confined or NETWORK.fullmatch(mount.fstype):
        return None
    try:
        return os.statvfs(mount.point)
    except (OSError, ValueError):
        return None

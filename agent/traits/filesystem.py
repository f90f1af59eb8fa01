"""File systems: those that the kernel knows, those that fstab(5) wants, and how full the mounted ones are."""

from __future__ import annotations

import os
from typing import Any

from agent.hosts import Host
from agent.traits import mountpoints, sources


def collect(host: Host) -> dict[str, Any]:
    """`filesystem.*` of `schema.traits`."""
    known = (line.split() for line in (sources.kernel_text(host, "/proc/filesystems") or "").splitlines())
    mounted = list(mountpoints.mounted(host))
    usage = {}
    for mount in mounted:
        space = mountpoints.usage(host, mount)
        if space is not None and space.f_blocks:
            usage[mount.point] = _full(space)
    swaps = (sources.kernel_text(host, "/proc/swaps") or "").splitlines()[1:]
    points = {mount.point for mount in mounted} | {line.split()[0] for line in swaps if line.split()}
    return {
        "supported": sorted({parts[-1] for parts in known if parts}),
        "used": sorted({mount.fstype for mount in mounted}),
        "fstab": _fstab(host, points),
        "usage": usage,
    }


def _full(space: os.statvfs_result) -> dict[str, int]:
    used = space.f_blocks - space.f_bfree
    nodes = space.f_files - space.f_ffree
    return {
        "used_percent": -(-100 * used // max(used + space.f_bavail, 1)),
        "inodes_used_percent": -(-100 * nodes // space.f_files) if space.f_files else 0,
    }


def _fstab(host: Host, points: set[str]) -> dict[str, Any]:
    found = {}
    for line in sources.meaningful(sources.text(host, "/etc/fstab") or ""):
        parts = [sources.unescaped(part) for part in line.split()]
        if len(parts) < 3:
            continue
        device, point, fstype = parts[:3]
        key = device if fstype == "swap" else point
        found[key] = {
            "device": device,
            "fstype": fstype,
            "options": sources.options(parts[3] if len(parts) > 3 else "defaults"),
            "mounted": key in points,
        }
    return found

"""Block devices that hold something by themselves: sysfs, /sys/block."""

from __future__ import annotations

import re
from typing import Any, Final

from agent.hosts import Host
from agent.traits import sources

_BLOCK: Final = "/sys/block"
_NO_DISK: Final = re.compile(r"(loop|ram|zram|sr|fd|nbd)\d+")
_SECTOR: Final = 512
"""sysfs counts in these, whatever the disk's own are."""


def collect(host: Host) -> dict[str, Any]:
    """`disks.*` of `schema.traits`."""
    return {
        name: _disk(host, f"{_BLOCK}/{name}", name)
        for name in sources.kernel_names(host, _BLOCK)
        if not _NO_DISK.fullmatch(name)
    }


def _disk(host: Host, place: str, name: str) -> dict[str, Any]:
    def value(which: str) -> str:
        return sources.kernel_readable(host, f"{place}/{which}")

    size = value("size")
    found: dict[str, Any] = {
        "size_mb": int(size) * _SECTOR // 1024**2 if size.isdigit() else 0,
        "rotational": value("queue/rotational") == "1",
        "removable": value("removable") == "1",
        "read_only": value("ro") == "1",
        "partitions": [
            each
            for each in sources.kernel_names(host, place)
            if each.startswith(name) and sources.kernel_readable(host, f"{place}/{each}/partition")
        ],
    }
    model = value("device/model")
    return {**found, "model": model} if model else found

"""Swap space."""

from __future__ import annotations

from typing import Any

from agent.hosts import Host
from agent.traits import sources


def collect(host: Host) -> dict[str, Any]:
    """`swap.*` of `schema.traits`."""
    devices = {}
    for line in (sources.kernel_text(host, "/proc/swaps") or "").splitlines()[1:]:
        parts = line.split()
        if len(parts) == 5:
            path, kind, size, used, priority = parts
            devices[sources.unescaped(path)] = {
                "type": kind,
                "size_mb": int(size) // 1024,
                "used_mb": int(used) // 1024,
                "priority": int(priority),
            }
    info = sources.fields(sources.needed(sources.kernel_text(host, "/proc/meminfo"), "/proc/meminfo"))
    found: dict[str, Any] = {
        "total_mb": sources.mib(info.get("SwapTotal", "0")),
        "free_mb": sources.mib(info.get("SwapFree", "0")),
        "devices": devices,
    }
    swappiness = sources.kernel_readable(host, "/proc/sys/vm/swappiness")
    return {**found, "swappiness": int(swappiness)} if swappiness.isdigit() else found

"""Memory, as the kernel counts it."""

from __future__ import annotations

from typing import Any

from agent.hosts import Host
from agent.traits import sources


def collect(host: Host) -> dict[str, Any]:
    """`memory.*` of `schema.traits`."""
    info = sources.fields(sources.needed(sources.kernel_text(host, "/proc/meminfo"), "/proc/meminfo"))
    return {
        "total_mb": sources.mib(info["MemTotal"]),
        "available_mb": sources.mib(info.get("MemAvailable", info["MemFree"])),
        "swap_total_mb": sources.mib(info.get("SwapTotal", "0")),
        "swap_free_mb": sources.mib(info.get("SwapFree", "0")),
    }

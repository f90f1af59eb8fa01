"""How long the kernel has run."""

from __future__ import annotations

from typing import Any

from agent.hosts import Host
from agent.traits import sources
from schema.time import SECOND, to_rfc3339


def collect(host: Host) -> dict[str, Any]:
    """`uptime.*` of `schema.traits`."""
    uptime = sources.needed(sources.kernel_text(host, "/proc/uptime"), "/proc/uptime")
    stat = sources.needed(sources.kernel_text(host, "/proc/stat"), "/proc/stat")
    booted = next((int(line.split()[1]) for line in stat.splitlines() if line.startswith("btime ")), None)
    if booted is None:
        raise LookupError("/proc/stat does not tell when the kernel started")
    return {"seconds": int(float(uptime.split()[0])), "booted_at": to_rfc3339(booted * SECOND)}

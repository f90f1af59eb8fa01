"""How busy the machine is: proc_loadavg(5)."""

from __future__ import annotations

import os
from typing import Any

from agent.hosts import Host
from agent.traits import sources


def collect(host: Host) -> dict[str, Any]:
    """`loadavg.*` of `schema.traits`."""
    parts = sources.needed(sources.kernel_text(host, "/proc/loadavg"), "/proc/loadavg").split()
    one, five, fifteen = (float(part) for part in parts[:3])
    running, _, tasks = parts[3].partition("/")
    return {
        "one": one,
        "five": five,
        "fifteen": fifteen,
        "per_cpu": round(one / (os.cpu_count() or 1), 3),
        "running": int(running),
        "tasks": int(tasks),
    }

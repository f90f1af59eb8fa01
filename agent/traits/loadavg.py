"""Load averages."""

from __future__ import annotations

from typing import Any

from agent.hosts import Host
from agent.traits import sources


def collect(host: Host) -> dict[str, Any]:
    """`loadavg.*` of `schema.traits`."""
    one, five, fifteen = sources.needed(sources.kernel_text(host, "/proc/loadavg"), "/proc/loadavg").split()[:3]
    return {"one": float(one), "five": float(five), "fifteen": float(fifteen)}

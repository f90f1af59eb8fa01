"""The agent itself: what it is, and what it costs. What is in force it adds itself, where it runs for a server."""

from __future__ import annotations

import os
import platform
import threading
import time
from typing import Any

from agent import VERSION
from agent.hosts import Host
from agent.traits import sources


def collect(host: Host) -> dict[str, Any]:
    """`agent_self.*` of `schema.traits`."""
    status = sources.fields(sources.kernel_readable(host, f"/proc/{os.getpid()}/status"))
    return {
        "version": VERSION,
        "python": platform.python_version(),
        "confined": host.confined,
        "uid": os.geteuid(),
        "pid": os.getpid(),
        "rss_mb": round(int(status.get("VmRSS", "0").split()[0]) / 1024, 1),
        "cpu_s": round(time.process_time(), 2),
        "threads": threading.active_count(),
    }

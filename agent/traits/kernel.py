"""The running kernel."""

from __future__ import annotations

import os
from typing import Any

from agent.hosts import Host
from agent.traits import sources


def collect(host: Host) -> dict[str, Any]:
    """`kernel.*` of `schema.traits`: the machine's, whatever the host's root."""
    name = os.uname()
    found: dict[str, Any] = {"name": name.sysname, "release": name.release, "version": name.version}
    tainted = sources.kernel_readable(host, "/proc/sys/kernel/tainted")
    return {**found, "tainted": int(tainted)} if tainted.isdigit() else found

"""The running kernel."""

from __future__ import annotations

import os
from typing import Any

from agent.hosts import Host


def collect(host: Host) -> dict[str, Any]:  # noqa: ARG001 - the kernel is the machine's, whatever the host's root
    """`kernel.*` of `schema.traits`."""
    name = os.uname()
    return {"name": name.sysname, "release": name.release, "version": name.version}

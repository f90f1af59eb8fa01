"""The agent itself."""

from __future__ import annotations

import platform
from typing import Any

from agent import VERSION
from agent.hosts import Host


def collect(host: Host) -> dict[str, Any]:
    """`agent_self.*` of `schema.traits`."""
    return {"version": VERSION, "python": platform.python_version(), "confined": host.confined}

"""What the server calls this host: the agent adds it, where it is enrolled."""

from __future__ import annotations

from typing import Any

from agent.hosts import Host


def collect(host: Host) -> dict[str, Any]:  # noqa: ARG001 - no file of the host tells
    """`host_self.*` of `schema.traits`."""
    return {"enrolled": False}

"""What the agent knows of itself and of its host without looking at the host: a part of two traits."""

from __future__ import annotations

from typing import Any

from agent.last_run import LastRun
from agent.spool import Spool
from agent.state import Identity, State


def host_self(identity: Identity, *, pinned: bool) -> dict[str, Any]:
    """`host_self.*` of `schema.traits`: what the server calls this host, and whether it takes approved plans alone."""
    return {
        "enrolled": True,
        "hostname": identity.hostname,
        "envoy_id": identity.envoy_id,
        "project": identity.project,
        "server": identity.server_url,
        "require_approval": pinned,
    }


def agent_self(state: State, spool: Spool, *, stale: bool | None) -> dict[str, Any]:
    """What `agent_self.*` tells of the work.

    Args:
        stale: whether what is in force has expired; None where nothing is.
    """
    last = state.read_model("last-run.json", LastRun)
    found: dict[str, Any] = {
        "state": "nothing" if stale is None else "stale" if stale else "current",
        "spooled_reports": len(spool),
    }
    return {**found, "last_run": str(last.report.status)} if last is not None else found

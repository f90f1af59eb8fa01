"""How an agent stands: the small files it leaves for `status`, and what they say together.

Read from the state directory alone; nothing is verified, locked or changed by looking.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError

from agent import pinning
from agent.boundary import LinkStatus
from agent.last_run import LastRun
from agent.spool import Spool
from agent.state import State
from agent.undo import Undo
from schema.protocol.desired import Assignment
from schema.protocol.targets import Target
from schema.time import Clock, Instant


class Processes(BaseModel):
    """Of which processes the agent is made."""

    model_config = ConfigDict(defer_build=True)

    together: str = ""
    """Why it is one process; empty when it is two."""
    supervisor: int = 0
    executor: int = 0
    link_user: str = ""
    notes: list[str] = []
    """What this host does not let the agent give up."""


class AgentStatus(BaseModel):
    """What `vigo-agent status` shows."""

    model_config = ConfigDict(defer_build=True)

    hostname: str
    envoy_id: str
    project: str
    server: str
    root: str
    certificate_expires: Instant
    pid: int | None
    """Of the agent that runs; None when none does."""
    processes: Processes | None
    """Of the agent that runs; None when none does."""
    link: LinkStatus | None
    assignment: Assignment | None
    """In force, as it was kept; verified when the agent starts, not here."""
    stale: bool
    pinned: bool
    """Whether this host takes approved plans alone."""
    spooled_reports: int
    spooled_bytes: int
    dropped_reports: int
    last_run: LastRun | None
    unconfirmed: bool = False
    """Whether a change that could cut the host off waits until the server is reached, or is put back."""


def read(state: State, clock: Clock) -> AgentStatus:
    """How the agent of this state stands.

    Raises:
        NotEnrolled: there is none.
    """
    identity = state.identity()
    pid = state.owner()
    link = state.read_model("link.json", LinkStatus)
    if link is not None and pid is None:
        link = link.model_copy(update={"connected": False, "reason": "the agent does not run"})
    assignment = _assignment(state)
    spool = Spool(state.file("spool"))
    return AgentStatus(
        hostname=identity.hostname,
        envoy_id=identity.envoy_id,
        project=identity.project,
        server=identity.gateway_url,
        root=identity.root,
        certificate_expires=identity.expires,
        pid=pid,
        processes=state.read_model("processes.json", Processes) if pid is not None else None,
        link=link,
        assignment=assignment,
        stale=assignment is not None and clock.now() >= assignment.expires,
        pinned=pinning.read(state),
        spooled_reports=len(spool),
        spooled_bytes=spool.size_bytes,
        dropped_reports=spool.dropped,
        last_run=state.read_model("last-run.json", LastRun),
        unconfirmed=bool(Undo(state.path).unconfirmed()),
    )


def _assignment(state: State) -> Assignment | None:
    target = state.target()
    if target is None:
        return None
    try:
        return Assignment.model_validate_json(Target.model_validate_json(target).assignment.body)
    except ValidationError:
        return None

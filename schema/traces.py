"""Where a crate is applied: the inverse trace. The forward trace is in `schema/config.py`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from schema.config import Absent
from schema.ids import EnvoyId


class TracedEnvoy(BaseModel):
    """An enrolled host that has the subject, and where it got it from."""

    envoy_id: EnvoyId
    """Id of the host at this server; one that enrols anew gets another."""
    hostname: str
    """The host's name, as its enrolment token gave it."""
    match: str
    """The pattern of its match block."""
    environment: str
    """That it is in; empty where its block names none."""
    carrier: str
    """As in a forward trace: `production/common.vgo`, `role:webserver`, `match-block`."""


class TreeRef(BaseModel):
    """A match block with the subject that no enrolled host is under."""

    match: str
    """The pattern of the block."""
    environment: str
    """That the block names; empty where it names none."""
    carrier: str
    """What brings it: `production/common.vgo`, `role:webserver`, `match-block`."""


class InverseTrace(BaseModel):
    """Where a crate is applied."""

    subject: Literal["configcrate", "usercrate"]
    """What was asked about."""
    value: str
    """Name of the crate that was asked about."""
    include_tree: bool
    """Whether blocks without an enrolled host were asked for as well."""
    envoys: list[TracedEnvoy]
    """Enrolled hosts that have it, by host name."""
    tree_refs: Absent[list[TreeRef]] = None
    """Only when asked for."""

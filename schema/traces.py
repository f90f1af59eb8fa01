"""Where a crate is applied: the inverse trace. The forward trace is in `schema/config.py`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from schema.config import Absent
from schema.ids import EnvoyId


class TracedEnvoy(BaseModel):
    """An enrolled host that has the subject, and where it got it from."""

    envoy_id: EnvoyId
    hostname: str
    match: str
    environment: str
    carrier: str
    """As in a forward trace: `production/common.vgo`, `role:webserver`, `match-block`."""


class TreeRef(BaseModel):
    """A match block with the subject that no enrolled host is under."""

    match: str
    environment: str
    carrier: str


class InverseTrace(BaseModel):
    """Where a crate is applied."""

    subject: Literal["configcrate", "usercrate"]
    value: str
    include_tree: bool
    envoys: list[TracedEnvoy]
    """By host name."""
    tree_refs: Absent[list[TreeRef]] = None
    """Only when asked for."""

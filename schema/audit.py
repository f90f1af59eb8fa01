"""The audit log: its leaf, in the final form, and its answers.

A leaf is the RFC 8785 form of `Leaf`; its hash is SHA-256(0x00 ‖ leaf), as RFC 6962 hashes leaves; each names the hash
of the one before. What is large or personal stands apart as the payload, of which the leaf holds the digest. History
cannot be rehashed: a change of form is a new `v`.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from schema.config import Absent
from schema.ids import Sha256
from schema.paging import Pagination
from schema.time import Instant

MAX_LEAF_BYTES: Final = 64 * 1024
MAX_PAYLOAD_BYTES: Final = 1024 * 1024
GENESIS: Final = "0" * 64
"""`prev_hash` of the first leaf."""

OutcomeWord = Literal["success", "refused", "failed"]


class LeafActor(BaseModel):
    """Who: always the authenticated principal, never a label from a body."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(max_length=32)
    id: str = Field(max_length=256)
    name: str = Field(max_length=256)


class LeafObject(BaseModel):
    """What was acted on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(max_length=64)
    id: str = Field(max_length=1_024)


class Leaf(BaseModel):
    """One entry of the chain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    project: str = Field(max_length=36)
    index: int = Field(ge=0)
    time: int
    """UTC microseconds. Order is by index, never by time."""
    prev_hash: Sha256
    actor: LeafActor
    auth: str = Field(max_length=64)
    """How the actor was known: `token:<id>`, `basic`, `local`, `system`, `mtls`, `none`."""
    action: str = Field(max_length=64)
    """Dotted: `user.create`, `token.revoke`."""
    object: LeafObject
    outcome: OutcomeWord
    request_id: str = Field(max_length=64)
    payload_digest: Sha256 | None = None
    """SHA-256 of the payload's RFC 8785 form; None when there is none."""


def leaf_hash(leaf: bytes) -> str:
    """RFC 6962's hash of a leaf, as hex."""
    return hashlib.sha256(b"\0" + leaf).hexdigest()


class AuditEvent(BaseModel):
    """One entry, as listed."""

    id: str
    """The first 16 hex digits of its hash."""
    type: str
    operator: str
    timestamp: Instant
    summary: str
    index: int
    outcome: OutcomeWord
    object_type: str
    object_id: str
    auth: str
    request_id: str
    hash: Sha256


class AuditRecord(BaseModel):
    """One entry, as the console lists it."""

    id: str
    user_id: str
    user: str
    team_id: str
    action: str
    resource: str
    resource_id: str
    outcome: OutcomeWord
    timestamp: Instant


class AuditEvents(BaseModel):
    """Entries, newest first."""

    events: list[AuditEvent]
    data: Absent[list[AuditRecord]] = None
    """The same entries in the console's words, when asked for in them."""
    pagination: Absent[Pagination] = None


class AuditVerification(BaseModel):
    """Whether the chain is whole."""

    valid: bool
    entry_count: int
    first_broken: int | None
    """Index of the first entry that is not as it was written."""
    error: str

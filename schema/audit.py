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
    """The action in underscores, as the filter `type` takes it: `user_create`."""
    operator: str
    """Name of the user, host or part of the server that did it."""
    timestamp: Instant
    """When it was written down. Order is by `index`, never by time."""
    summary: str
    """Action, kind and id of what was acted on, and the outcome where it was not a success."""
    index: int
    """Place in the chain, counted from 0 without gaps."""
    outcome: OutcomeWord
    """`refused` where it was not allowed or not possible, `failed` where it broke down on the way."""
    object_type: str
    """Kind of what was acted on: `user`, `token`, `envoy`, `rollout` ..."""
    object_id: str
    """Its id or name; empty where there is only one."""
    auth: str
    """How the operator was known: `token:<id>`, `basic`, `local`, `system`, `mtls`, `none`."""
    request_id: str
    """Of the request that did it, as its answer's `x-request-id` says; also in the server's log."""
    hash: Sha256
    """Of the whole entry (RFC 6962 leaf hash), which the next entry names."""


class AuditRecord(BaseModel):
    """One entry, as the console lists it."""

    id: str
    """The first 16 hex digits of the entry's hash."""
    user_id: str
    """Id of whoever did it."""
    user: str
    """Name of whoever did it."""
    team_id: str
    """Of the project, which is what the console calls a team."""
    action: str
    """Dotted: `user.create`."""
    resource: str
    """Kind of what was acted on."""
    resource_id: str
    """Its id or name; empty where there is only one."""
    outcome: OutcomeWord
    """`refused` where it was not allowed or not possible, `failed` where it broke down on the way."""
    timestamp: Instant
    """When it was written down."""


class AuditEvents(BaseModel):
    """Entries, newest first."""

    events: list[AuditEvent]
    """The entries of this page."""
    data: Absent[list[AuditRecord]] = None
    """The same entries in the console's words, when asked for in them."""
    pagination: Absent[Pagination] = None
    """Where the page stands among all; left out unless pages were asked for by number."""


class AuditVerification(BaseModel):
    """Whether the chain is whole."""

    valid: bool
    """Whether every entry is as it was written and none is missing."""
    entry_count: int
    """Entries of the chain."""
    first_broken: int | None
    """Index of the first entry that is not as it was written."""
    error: str
    """What is wrong at `first_broken`; empty when nothing is."""

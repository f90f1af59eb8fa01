"""What a run did on a host. A report names the assignment it ran under by digest and generation."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from schema.ids import Commit, Sha256
from schema.protocol.signed import Signed
from schema.time import Instant

MAX_RESOURCES: Final = 20_000
MAX_DIFF_CHARS: Final = 16 * 1024
MAX_MESSAGE_CHARS: Final = 4 * 1024
MAX_OBSERVED: Final = 16
"""Attributes of one resource that are told of."""
MAX_OBSERVED_CHARS: Final = 4 * 1024
MAX_NAME_CHARS: Final = 200

ShortText = Annotated[str, StringConstraints(max_length=MAX_MESSAGE_CHARS)]


class Outcome(StrEnum):
    """What became of one resource."""

    UNCHANGED = "unchanged"
    """It was as desired."""
    CHANGED = "changed"
    """It was made as desired; in a dry run, it would be."""
    FAILED = "failed"
    """It could not be made as desired."""
    SKIPPED = "skipped"
    """It was not looked at; its reason says why."""


class Trigger(StrEnum):
    """Why a run began."""

    APPLY = "apply"
    """A new assignment."""
    DRIFT = "drift"
    """The kernel saw a managed path change."""
    INTERVAL = "interval"
    """The full check, a safety net."""
    START = "start"
    """The agent started."""
    ONCE = "once"
    """`vigo-agent once`."""
    ASKED = "asked"
    """An operator asked for a full check."""
    REVERT = "revert"
    """Something that could have cut the host off, or what an operator undid, was put back."""


class RunStatus(StrEnum):
    """What became of a run: `converged` when no resource failed, `refused` when the assignment was not accepted."""

    CONVERGED = "converged"
    """No resource failed."""
    FAILED = "failed"
    """Some resource failed."""
    REFUSED = "refused"
    """The assignment was not accepted, and nothing was touched."""


class Wire(BaseModel):
    """Base of messages: unknown fields are ignored, so that N and N-1 can talk."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class ObservedAttribute(Wire):
    """One thing that was otherwise on the host than it should be, as it was before anybody repaired it."""

    name: str = Field(max_length=MAX_NAME_CHARS)
    """What the resource's type calls it: `mode`, `value`, `content` ..."""
    found: str | None = Field(default=None, max_length=MAX_OBSERVED_CHARS)
    """None: it was not there."""
    desired: str | None = Field(default=None, max_length=MAX_OBSERVED_CHARS)
    """None: it should not be there."""
    hidden: bool = False
    """Neither is told: one of them may be a secret."""
    cut: bool = False
    """Neither is told: they are too long, or no text."""


class ResourceReport(Wire):
    """What one resource was found to be, and what was done about it."""

    id: ShortText
    """The resource, as `crate/name`."""
    type: str = Field(max_length=64)
    """Resource type: `file`, `service` ..."""
    outcome: Outcome
    """What became of it."""
    changed: bool = False
    """In a dry run: would change."""
    action: str = Field(default="none", max_length=64)
    """What was done, in a word: none, create, update, remove, run, restart ..."""
    corrective: bool = False
    """Changed although its desired state had not: somebody else had touched it."""
    duration_us: int = 0
    """How long it took, in microseconds."""
    diff: str = Field(default="", max_length=MAX_DIFF_CHARS + 64)
    """What changed, for a person; secrets masked."""
    error: ShortText = ""
    """Why it failed; empty otherwise."""
    reason: ShortText = ""
    """Why it was skipped."""
    file: str = Field(default="", max_length=1024)
    """Where it is written in the repository."""
    line: int = 0
    """In the file, counted from 1; 0 where it is not known."""
    observed: list[ObservedAttribute] = Field(default=[], max_length=MAX_OBSERVED)
    """Of what had been as desired and is no more, and of what is only watched: what was found. Secrets masked."""


class Report(Wire):
    """One run on one host."""

    id: str = Field(max_length=64)
    """UUIDv7 made by the agent: a report sent twice is stored once."""
    assignment_sha256: Sha256
    epoch: int
    generation: int
    commit: Commit
    catalog_sha256: Sha256
    trigger: Trigger
    dry_run: bool = False
    started: Instant
    finished: Instant
    duration_us: int = 0
    status: RunStatus
    error: ShortText = ""
    """With `refused`: what was wrong with the assignment."""
    stale: bool = False
    """The assignment had expired: the server has not been heard for long."""
    resources: list[ResourceReport] = Field(default=[], max_length=MAX_RESOURCES)
    receipt: Signed | None = None
    """A `schema.protocol.receipts.Receipt`, signed by the host."""

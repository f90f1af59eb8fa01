"""Publishes: what came into force and when, what others told of, and the versions one can go back to."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from schema.config import Absent
from schema.ids import Commit
from schema.time import Instant

MAX_FILES: Final = 10_000
MAX_DIFF_CHARS: Final = 256 * 1024


class PublishSource(StrEnum):
    """Where a record comes from."""

    COMMIT = "commit"
    """A commit that came into force here."""
    RECORDED = "recorded"
    """Somebody told of it."""


class Publish(BaseModel):
    """One publish. The id of a commit's is the sequence of its revision."""

    id: str
    """Of a commit its sequence; of a record an id of its own."""
    source: PublishSource
    """Where it comes from."""
    operator: str
    """Who: the commit's author; of a record, the label it was sent with."""
    recorded_by: Absent[str] = None
    """Who sent the record."""
    timestamp: Instant
    """When it came into force; of a record, when it was sent."""
    version: int
    """The revision's sequence; of a record, the one that was in force when it came."""
    commit: Commit | None = None
    """That came into force; of a record, the one that was in force when it came, null where none was."""
    summary: str = ""
    """First line of the commit's message; empty for a record."""
    changed_files: list[str]
    """New or other than before; the first 200 where there are more."""
    removed_files: list[str]
    """The first 200 where there are more."""
    left_out: Absent[int] = None
    """How many more files there are."""
    note: Absent[str] = None
    """Why the files are not known."""


class PublishDetail(Publish):
    """One publish with what it changed."""

    diff_summary: str
    """A unified diff, cut at 256 KiB with a line that says so."""


class PublishList(BaseModel):
    """Publishes, newest first."""

    publishes: list[Publish]
    """The publishes of this page."""


Path = Annotated[str, Field(min_length=1, max_length=1_024)]


class PublishCreate(BaseModel):
    """A publish to be put on record. What comes into force here is on record by itself."""

    model_config = ConfigDict(extra="forbid")

    operator: str = Field(default="", max_length=256)
    """A label; who sends the record is on record beside it."""
    changed_files: list[Path] = Field(default=[], max_length=MAX_FILES)
    """Paths in the repository."""
    removed_files: list[Path] = Field(default=[], max_length=MAX_FILES)
    """Paths in the repository."""
    diff_summary: str = Field(default="", max_length=MAX_DIFF_CHARS)
    """What was changed, as text; kept as it is sent."""


class Version(BaseModel):
    """One version that was in force."""

    version: str
    """When it came into force, as `20260313T143000Z`."""
    sequence: int
    """Counted up; a rollback takes this, the time, or the commit."""
    commit: Commit
    """The commit that was in force."""
    author: str
    """As the commit gives it: typed by somebody, never verified."""
    summary: str
    """First line of the commit's message."""
    in_force: bool
    """Whether it is in force now."""


class VersionList(BaseModel):
    """Versions to go back to, newest first."""

    versions: list[str]
    """When each came into force, as `20260313T143000Z`."""
    details: list[Version]
    """Of each, in the same order."""


class Rollback(BaseModel):
    """Why to go back."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=4_000)
    """For the commit's message and the audit log."""
    propose: bool = False
    """On a branch of its own, for review."""


class Promotion(BaseModel):
    """Which branch to bring in, and why."""

    model_config = ConfigDict(extra="forbid")

    ref: str = Field(min_length=1, max_length=255)
    """A branch, or a commit."""
    reason: str = Field(default="", max_length=4_000)
    """For the commit's message and the audit log."""
    propose: bool = False
    """On a branch of its own, for review."""

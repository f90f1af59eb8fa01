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

    COMMIT = "commit"  # a commit that came into force here
    RECORDED = "recorded"  # somebody told of it


class Publish(BaseModel):
    """One publish. The id of a commit's is the sequence of its revision."""

    id: str
    source: PublishSource
    operator: str
    """Who: the commit's author; of a record, the label it was sent with."""
    recorded_by: Absent[str] = None
    """Who sent the record."""
    timestamp: Instant
    version: int
    """The revision's sequence; of a record, the one that was in force when it came."""
    commit: Commit | None = None
    summary: str = ""
    changed_files: list[str]
    """New or other than before; the first 200 where there are more."""
    removed_files: list[str]
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


Path = Annotated[str, Field(min_length=1, max_length=1_024)]


class PublishCreate(BaseModel):
    """A publish to be put on record. What comes into force here is on record by itself."""

    model_config = ConfigDict(extra="forbid")

    operator: str = Field(default="", max_length=256)
    """A label; who sends the record is on record beside it."""
    changed_files: list[Path] = Field(default=[], max_length=MAX_FILES)
    removed_files: list[Path] = Field(default=[], max_length=MAX_FILES)
    diff_summary: str = Field(default="", max_length=MAX_DIFF_CHARS)


class Version(BaseModel):
    """One version that was in force."""

    version: str
    """When it came into force, as `20260313T143000Z`."""
    sequence: int
    commit: Commit
    author: str
    summary: str
    in_force: bool


class VersionList(BaseModel):
    """Versions to go back to, newest first."""

    versions: list[str]
    details: list[Version]
    """Of each, in the same order."""


class Rollback(BaseModel):
    """Why to go back."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=4_000)
    propose: bool = False
    """On a branch of its own, for review."""


class Promotion(BaseModel):
    """Which branch to bring in, and why."""

    model_config = ConfigDict(extra="forbid")

    ref: str = Field(min_length=1, max_length=255)
    """A branch, or a commit."""
    reason: str = Field(default="", max_length=4_000)
    propose: bool = False

"""Revisions: commits the server has seen, in the order it saw them, and what became of each."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel

from schema.diagnostics import Diagnostic
from schema.ids import Commit
from schema.time import Instant


class RevisionState(StrEnum):
    """At most one revision of a project is in force."""

    IN_FORCE = "in_force"
    """What hosts are brought to now."""
    SUPERSEDED = "superseded"
    """It was in force, and a newer one has taken its place."""
    FAILED = "failed"
    """It does not compile."""
    DIVERGED = "diverged"
    """It does not descend from the one in force."""
    UNTRUSTED = "untrusted"
    """It is not signed or approved as the policy asks."""


class Revision(BaseModel):
    """One commit that the server has judged. The sequence is its primary name."""

    sequence: int
    """Counted up from 1 as commits are seen."""
    commit: Commit
    """That was judged."""
    state: RevisionState
    """What became of it."""
    author: str = ""
    """As the commit gives it: typed by somebody, never verified."""
    summary: str = ""
    """First line of the commit's message."""
    plan_root: str = ""
    """Digest over what every host is to be; empty where it did not compile."""
    compiled_ms: float = 0.0
    """How long it took to compile, in milliseconds."""
    diagnostics: list[Diagnostic] = []
    """What is wrong with it, and what is worth knowing."""
    seen_at: Instant
    """When the server saw it."""
    in_force_at: Instant | None = None
    """When it came into force; null where it never did."""


class ConfigVersion(BaseModel):
    """Which revision is in force."""

    version: int
    """The sequence of the revision in force; 0 while there is none."""
    commit: Commit | None
    """The commit in force; null while there is none."""


class Reloaded(BaseModel):
    """What a reload led to."""

    status: str
    """`in_force`, `unchanged`, `failed` or `accepted` (still at it after 30 s)."""
    version: int
    """The sequence of the revision in force; 0 while there is none."""
    commit: Commit | None
    """The commit in force; null while there is none."""
    healthy: bool
    """Whether the newest commit could be read and is in force."""
    last_error: str = ""
    """Why the newest commit is not in force, or cannot be read; empty when all is well."""

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
    SUPERSEDED = "superseded"
    FAILED = "failed"  # it does not compile
    DIVERGED = "diverged"  # it does not descend from the one in force
    UNTRUSTED = "untrusted"  # it is not signed or approved as the policy asks


class Revision(BaseModel):
    """One commit that the server has judged. The sequence is its primary name."""

    sequence: int
    commit: Commit
    state: RevisionState
    author: str = ""
    summary: str = ""
    plan_root: str = ""
    compiled_ms: float = 0.0
    diagnostics: list[Diagnostic] = []
    seen_at: Instant
    in_force_at: Instant | None = None


class ConfigVersion(BaseModel):
    """Which revision is in force."""

    version: int
    commit: Commit | None


class Reloaded(BaseModel):
    """What a reload led to."""

    status: str
    """`in_force`, `unchanged`, `failed` or `accepted` (still at it after 30 s)."""
    version: int
    commit: Commit | None
    healthy: bool
    last_error: str = ""

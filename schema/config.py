"""Answers about config: the documents' JSON for trace and status."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from schema.diagnostics import Diagnostic
from schema.ids import Commit
from schema.time import Instant


class Place(BaseModel):
    """Where something is written."""

    file: str
    line: int
    column: int
    commit: Commit | None = None


class RoleExpansion(BaseModel):
    """What one role brought."""

    role: str
    includes: list[str]
    configcrates: list[str]


class InheritanceLevel(BaseModel):
    """What one `common.vgo` on the way from the root to the leaf brought."""

    dir: str
    file: str
    configcrates: list[str]
    vars: dict[str, Any]
    overrides: list[str] | None = None
    """Keys whose value from a level above is replaced here; left out when none."""


class VarSource(BaseModel):
    """Where a var's final value was written."""

    key: str
    value: Any
    source: str
    """`common.vgo`, `production/common.vgo`, `role:webserver`, `environments.vgo:production`, `match-block`,
    `configcrate:nginx` (a crate's own default)."""
    place: Place | None = None


class ConfigTrace(BaseModel):
    """How the config of one host came to be (forward trace). Unmatched: `matched` is false, the rest left out."""

    hostname: str
    matched: bool
    match_pattern: str | None = None
    pattern_type: Literal["exact", "glob", "regex"] | None = None
    environment: str | None = None
    roles: list[str] | None = None
    role_expansion: list[RoleExpansion] | None = None
    inheritance: list[InheritanceLevel] | None = None
    configcrates: list[str] | None = None
    configcrate_sources: dict[str, str] | None = None
    var_sources: list[VarSource] | None = None
    resource_count: int | None = None


class ConfigStatus(BaseModel):
    """Health of the config: which commit is in force, and why a newer one is not."""

    healthy: bool
    version: int
    """The sequence of the revision in force; 0 while there is none."""
    last_error: str
    last_reload_at: Instant | Literal[""]
    commit: Commit | None = None
    """In force."""
    failed_commit: Commit | None = None
    diagnostics: list[Diagnostic] = []

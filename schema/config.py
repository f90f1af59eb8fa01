"""Answers about config: the documents' JSON for trace, tree, search, dedup and status."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, Field

from schema.diagnostics import Diagnostic
from schema.holds import BreakGlass, Hold
from schema.ids import Commit
from schema.time import Instant

T = TypeVar("T")

Absent = Annotated[T | None, Field(exclude_if=lambda value: value is None)]
"""Left out of the answer when it is None."""


class Place(BaseModel):
    """Where something is written."""

    file: str
    line: int
    column: int
    commit: Absent[Commit] = None


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
    overrides: Absent[list[str]] = None
    """Keys whose value from a level above is replaced here; left out when none."""


class VarSource(BaseModel):
    """Where a var's final value was written."""

    key: str
    value: Any
    source: str
    """`common.vgo`, `production/common.vgo`, `role:webserver`, `environments.vgo:production`, `match-block`,
    `configcrate:nginx` (a crate's own default)."""
    place: Absent[Place] = None


class ConfigTrace(BaseModel):
    """How the config of one host came to be (forward trace). Unmatched: `matched` is false, the rest left out."""

    hostname: str
    matched: bool
    match_pattern: Absent[str] = None
    pattern_type: Absent[Literal["exact", "glob", "regex"]] = None
    environment: Absent[str] = None
    roles: Absent[list[str]] = None
    role_expansion: Absent[list[RoleExpansion]] = None
    inheritance: Absent[list[InheritanceLevel]] = None
    configcrates: Absent[list[str]] = None
    configcrate_sources: Absent[dict[str, str]] = None
    var_sources: Absent[list[VarSource]] = None
    resource_count: Absent[int] = None
    usercrate_sources: Absent[dict[str, str]] = None
    """Usercrate → what brings it, in order. Beyond the documents: only with places, and of a host that has some."""

    def without_places(self) -> Self:
        """The documented shape and no more: what reads a trace by its letter is not surprised."""
        if self.var_sources is None:
            return self
        bare = [source.model_copy(update={"place": None}) for source in self.var_sources]
        return self.model_copy(update={"var_sources": bare, "usercrate_sources": None})


class TreeNode(BaseModel):
    """A directory of the tree, or a match block in it. What does not apply to a node is empty."""

    dir: str
    """The directory's path, or that of the block's file; empty for the root."""
    file: str
    """`common.vgo` of a directory that has one, else empty; the file's name of a block."""
    configcrates: list[str]
    """As its own file lists them; so are `roles` and `excluded`."""
    roles: list[str]
    match: str
    """The pattern of a block."""
    total: list[str]
    """All crates that are in force here: inherited, by roles, by environment, own, less what is excluded anywhere."""
    excluded: list[str]
    children: list[TreeNode]
    """The blocks of its files, then its subdirectories."""
    left_out: Absent[int] = None
    """How many more children it has; only where the answer had to be cut short."""


class EntryLevel(BaseModel):
    """A `common.vgo` on the way from the root to an entry."""

    dir: str
    file: str
    configcrates: list[str]


class ConfigEntry(BaseModel):
    """A match block that a search found."""

    match: str
    dir: str
    inheritance: list[EntryLevel]
    """From the root down."""
    own_configcrates: list[str]
    total: list[str]
    """All crates of its hosts, in the order in which they came together."""
    vars: dict[str, Any]
    """As the block itself defines them."""


class ConfigEntries(BaseModel):
    """What a search found, in path order."""

    entries: list[ConfigEntry]
    left_out: Absent[int] = None
    """How many more there are; only where the answer had to be cut short."""


class DuplicateGroup(BaseModel):
    """Files of one kind that say the same."""

    kind: str
    """`configcrate`, `inherited`, `leaf` ...; `content` for what stands below `templates/` and `files/`."""
    same: Literal["bytes", "meaning"]
    """`meaning`: they differ in comments, layout, defaults spelt out, or in name and description only."""
    count: int
    paths: list[str]
    """In order; `count` says how many there are when not all are listed."""


class DuplicateConfigs(BaseModel):
    """Files that could be one, by their first paths."""

    groups: list[DuplicateGroup]
    left_out: Absent[int] = None
    """How many more groups there are; only where the answer had to be cut short."""


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
    unreadable: Absent[str] = None
    """Why the repository cannot be read, so that newer commits may be unknown."""
    diagnostics: list[Diagnostic] = []
    signatures: str = ""
    """Whether commits need them: `not required`, `required`, or `by rules`."""
    holds: Absent[list[Hold]] = None
    """What holds hosts now, the newest first; left out when nothing does."""
    break_glass: Absent[list[BreakGlass]] = None
    """The permissions that are on now."""

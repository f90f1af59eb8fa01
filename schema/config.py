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
    """Path in the repository."""
    line: int
    """Line of the file, counted from 1."""
    column: int
    """Column of the line, counted from 1."""
    commit: Absent[Commit] = None
    """That last changed the line; left out where it was not asked for or is not known."""


class RoleExpansion(BaseModel):
    """What one role brought."""

    role: str
    """Its name."""
    includes: list[str]
    """Roles that it includes."""
    configcrates: list[str]
    """Crates that it brings."""


class InheritanceLevel(BaseModel):
    """What one `common.vgo` on the way from the root to the leaf brought."""

    dir: str
    """Directory of the file; empty for the root."""
    file: str
    """The file's name."""
    configcrates: list[str]
    """Crates that it lists."""
    vars: dict[str, Any]
    """Vars that it sets."""
    overrides: Absent[list[str]] = None
    """Keys whose value from a level above is replaced here; left out when none."""


class VarSource(BaseModel):
    """Where a var's final value was written."""

    key: str
    """Dotted path of the var: `ssh.port`."""
    value: Any
    """The final value."""
    source: str
    """`common.vgo`, `production/common.vgo`, `role:webserver`, `environments.vgo:production`, `match-block`,
    `configcrate:nginx` (a crate's own default)."""
    place: Absent[Place] = None
    """The line; left out where places were not asked for."""


class ConfigTrace(BaseModel):
    """How the config of one host came to be (forward trace). Unmatched: `matched` is false, the rest left out."""

    hostname: str
    """As it was asked."""
    matched: bool
    """Whether a match block applies to the host."""
    match_pattern: Absent[str] = None
    """The pattern of that block."""
    pattern_type: Absent[Literal["exact", "glob", "regex"]] = None
    """How the pattern is read."""
    environment: Absent[str] = None
    """The host's environment; empty where the block names none."""
    roles: Absent[list[str]] = None
    """Roles of the host, included ones too."""
    role_expansion: Absent[list[RoleExpansion]] = None
    """What each role brought."""
    inheritance: Absent[list[InheritanceLevel]] = None
    """Each `common.vgo` from the root down to the block's directory."""
    configcrates: Absent[list[str]] = None
    """Crates of the host, in the order in which they came together."""
    configcrate_sources: Absent[dict[str, str]] = None
    """Crate → what brings it."""
    var_sources: Absent[list[VarSource]] = None
    """Every var with its final value and where that was written."""
    resource_count: Absent[int] = None
    """Resources in all crates of the host, before any condition."""
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
    """Roles that it lists."""
    match: str
    """The pattern of a block."""
    total: list[str]
    """All crates that are in force here: inherited, by roles, by environment, own, less what is excluded anywhere."""
    excluded: list[str]
    """Crates that it excludes."""
    children: list[TreeNode]
    """The blocks of its files, then its subdirectories."""
    left_out: Absent[int] = None
    """How many more children it has; only where the answer had to be cut short."""


class EntryLevel(BaseModel):
    """A `common.vgo` on the way from the root to an entry."""

    dir: str
    """Directory of the file; empty for the root."""
    file: str
    """The file's name."""
    configcrates: list[str]
    """Crates that it lists."""


class ConfigEntry(BaseModel):
    """A match block that a search found."""

    match: str
    """The pattern of the block."""
    dir: str
    """Directory of the block's file; empty for the root."""
    inheritance: list[EntryLevel]
    """From the root down."""
    own_configcrates: list[str]
    """Crates that the block itself lists."""
    total: list[str]
    """All crates of its hosts, in the order in which they came together."""
    vars: dict[str, Any]
    """As the block itself defines them."""


class ConfigEntries(BaseModel):
    """What a search found, in path order."""

    entries: list[ConfigEntry]
    """The blocks that fit."""
    left_out: Absent[int] = None
    """How many more there are; only where the answer had to be cut short."""


class DuplicateGroup(BaseModel):
    """Files of one kind that say the same."""

    kind: str
    """`configcrate`, `inherited`, `leaf` ...; `content` for what stands below `templates/` and `files/`."""
    same: Literal["bytes", "meaning"]
    """`meaning`: they differ in comments, layout, defaults spelt out, or in name and description only."""
    count: int
    """Files of the group."""
    paths: list[str]
    """In order; `count` says how many there are when not all are listed."""


class DuplicateConfigs(BaseModel):
    """Files that could be one, by their first paths."""

    groups: list[DuplicateGroup]
    """The groups that were found."""
    left_out: Absent[int] = None
    """How many more groups there are; only where the answer had to be cut short."""


class ConfigStatus(BaseModel):
    """Health of the config: which commit is in force, and why a newer one is not."""

    healthy: bool
    """Whether the newest commit could be read and is in force."""
    version: int
    """The sequence of the revision in force; 0 while there is none."""
    last_error: str
    """Why the newest commit is not in force, or cannot be read; empty when all is well."""
    last_reload_at: Instant | Literal[""]
    """When the server last saw a commit; empty before the first."""
    commit: Commit | None = None
    """The commit in force; null while there is none."""
    failed_commit: Commit | None = None
    """The newest commit, where it did not come into force; else null."""
    unreadable: Absent[str] = None
    """Why the repository cannot be read, so that newer commits may be unknown."""
    diagnostics: list[Diagnostic] = []
    """What is wrong with that commit, and which waivers of the one in force have lapsed."""
    signatures: str = ""
    """Whether commits need them: `not required`, `required`, or `by rules`."""
    holds: Absent[list[Hold]] = None
    """What holds hosts now, the newest first; left out when nothing does."""
    break_glass: Absent[list[BreakGlass]] = None
    """The permissions that are on now."""

"""Bisects: which commit, crate and attribute hosts that are bad have in common, and hosts that are well do not.

Nothing is tried on a host: what each revision changed for whom is known from the config, and which revision a host has
come to from what it last ran.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from schema.config import Absent
from schema.explanations import Line
from schema.ids import Commit
from schema.time import Instant

MAX_REVISIONS: Final = 50
MAX_PATTERNS: Final = 1_000
MAX_SUSPECTS: Final = 20
MAX_CHANGES: Final = 50
"""Changes that one suspect names."""
MAX_NAMED: Final = 50
"""Hosts that one list names; of the others it tells how many."""

Pattern = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
"""A host name, or a glob or regular expression as in a match block."""

ChangeKind = Literal["attribute", "resource", "crate", "var", "environment", "role", "order", "match block"]


class BisectQuestion(BaseModel):
    """Which hosts are bad, which are well, and since when."""

    model_config = ConfigDict(extra="forbid")

    bad: list[Pattern] = Field(min_length=1, max_length=MAX_PATTERNS)
    good: list[Pattern] = Field(default=[], max_length=MAX_PATTERNS)
    """All other hosts when none is given."""
    since: Instant
    """When all was well."""
    limit: int = Field(default=10, ge=1, le=MAX_SUSPECTS)
    """Suspects that are told."""


class BisectChange(BaseModel):
    """One thing that a commit changed for a host."""

    kind: ChangeKind
    name: str
    """`nginx/conf` of an attribute or resource, `ssh.port` of a var; else the name of the crate, role, environment."""
    action: Literal["added", "changed", "removed"]
    crate: Absent[str] = None
    attribute: Absent[str] = None
    base: Annotated[Any, Field(exclude_if=lambda value: value is None)] = None
    other: Annotated[Any, Field(exclude_if=lambda value: value is None)] = None
    resources: Absent[list[str]] = None
    """Of a var, the environment or a role: resources that read it."""
    at: Absent[Line] = None
    """Where it is written, in the commit; of what was removed, in the one before."""

    def __str__(self) -> str:
        what = f"{self.name}.{self.attribute}" if self.attribute is not None else self.name
        where = f" ({self.at.file}:{self.at.line})" if self.at is not None else ""
        return f"{self.kind} {what} {self.action}{where}"


class Suspect(BaseModel):
    """Changes of one commit that the same hosts have."""

    commit: Commit
    sequence: int
    author: str
    summary: str
    in_force_at: Instant
    exact: bool
    """Every bad host has it, and none that is well."""
    score: float
    """From 0 to 1: the harmonic mean of how many bad hosts have it, and how many that have it are bad."""
    bad: int
    """Bad hosts that have it."""
    good: int
    """Hosts that are well and have it."""
    changes: list[BisectChange]
    changes_left_out: Absent[int] = None
    bad_without: list[str]
    """Bad hosts that do not have it: it does not explain them."""
    bad_without_left_out: Absent[int] = None
    good_with: list[str]
    """Hosts that have it and are well: they speak against it."""
    good_with_left_out: Absent[int] = None
    changed_again: list[Commit]
    """Later commits that changed one of these once more for a bad host."""
    revert_hosts: int
    """Of all hosts: those for which a commit that takes all of this one back would change something."""
    revert_crates: list[str]
    """Crates that it would change."""


class Bisect(BaseModel):
    """Who is suspect, the likeliest first."""

    since: Instant
    bad: list[str]
    bad_left_out: Absent[int] = None
    bad_count: int
    good_count: int
    revisions: int
    """That came into force since then and were looked at."""
    changed_nothing: int
    """Of those: that changed nothing for any bad host."""
    suspects: list[Suspect]
    left_out: Absent[int] = None
    """Further suspects."""
    notes: list[str]
    """What was not looked at, and what is not known."""

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
    """Names or patterns of the hosts that went bad; at least one."""
    good: list[Pattern] = Field(default=[], max_length=MAX_PATTERNS)
    """All other hosts when none is given."""
    since: Instant
    """When all was well."""
    limit: int = Field(default=10, ge=1, le=MAX_SUSPECTS)
    """Suspects that are told."""


class BisectChange(BaseModel):
    """One thing that a commit changed for a host."""

    kind: ChangeKind
    """What sort of thing was changed."""
    name: str
    """`nginx/conf` of an attribute or resource, `ssh.port` of a var; else the name of the crate, role, environment."""
    action: Literal["added", "changed", "removed"]
    """What became of it."""
    crate: Absent[str] = None
    """The crate that it is in; left out where it is in none."""
    attribute: Absent[str] = None
    """The attribute of the resource; left out of other kinds."""
    base: Annotated[Any, Field(exclude_if=lambda value: value is None)] = None
    """Its value before; left out where it was not there."""
    other: Annotated[Any, Field(exclude_if=lambda value: value is None)] = None
    """Its value from then on; left out where it is gone."""
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
    """The commit that came into force with these changes."""
    sequence: int
    """Sequence of the commit's revision."""
    author: str
    """As the commit gives it: typed by somebody, never verified."""
    summary: str
    """First line of the commit's message."""
    in_force_at: Instant
    """When it came into force."""
    exact: bool
    """Every bad host has it, and none that is well."""
    score: float
    """From 0 to 1: the harmonic mean of how many bad hosts have it, and how many that have it are bad."""
    bad: int
    """Bad hosts that have it."""
    good: int
    """Hosts that are well and have it."""
    changes: list[BisectChange]
    """What it changed for the hosts that it is suspected for."""
    changes_left_out: Absent[int] = None
    """How many more changes there are."""
    bad_without: list[str]
    """Bad hosts that do not have it: it does not explain them."""
    bad_without_left_out: Absent[int] = None
    """How many more bad hosts do not have it."""
    good_with: list[str]
    """Hosts that have it and are well: they speak against it."""
    good_with_left_out: Absent[int] = None
    """How many more hosts that are well have it."""
    changed_again: list[Commit]
    """Later commits that changed one of these once more for a bad host."""
    revert_hosts: int
    """Of all hosts: those for which a commit that takes all of this one back would change something."""
    revert_crates: list[str]
    """Crates that it would change."""


class Bisect(BaseModel):
    """Who is suspect, the likeliest first."""

    since: Instant
    """When all was well, as it was asked."""
    bad: list[str]
    """Bad hosts, by name: the first ones."""
    bad_left_out: Absent[int] = None
    """How many more bad hosts there are."""
    bad_count: int
    """Hosts that the question calls bad."""
    good_count: int
    """Hosts that count as well."""
    revisions: int
    """That came into force since then and were looked at."""
    changed_nothing: int
    """Of those: that changed nothing for any bad host."""
    suspects: list[Suspect]
    """The likeliest first."""
    left_out: Absent[int] = None
    """How many more suspects there are."""
    notes: list[str]
    """What was not looked at, and what is not known."""

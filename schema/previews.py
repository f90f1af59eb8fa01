"""Previews: whom a change of a crate would reach, and what another revision would be for each host.

Hosts for which the same changes form one class. Classes are disjoint: their counts, with those of hosts that stay as
they are and of hosts that no match block applies to, add up to all that were looked at.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from schema.config import Absent
from schema.ids import Commit, EnvoyId, Sha256

MAX_CLASSES: Final = 200
MAX_NAMED: Final = 50
"""Hosts, profiles or carriers that one class names."""
MAX_RESOURCES: Final = 200
"""Resources, and as many vars, that one class shows."""
MAX_CLASS: Final = 512 * 1024
"""Characters of diffs and values in one class; resources beyond it are counted, not shown."""
MAX_ANSWER: Final = 2 * 1024 * 1024
"""Characters of diffs and values in one answer; classes beyond it are counted, not shown."""
MAX_OVERRIDES: Final = 32
"""Traits that a what-if may change."""


class AffectedEnvoy(BaseModel):
    """A host that a change of the crate would reach."""

    hostname: str
    """The host's name, as its enrolment token gave it."""
    envoy_id: EnvoyId
    """Id of the host at this server; one that enrols anew gets another."""


class Preview(BaseModel):
    """Whom a change of a crate would reach."""

    configcrate: str
    """The crate that was asked about."""
    affected: list[AffectedEnvoy]
    """By host name."""
    count: int
    """How many it would reach."""


Certainty = Literal["change", "maybe", "none"]
"""`maybe`: it depends on what only the host knows. `none`: other bytes are delivered, and all they say is the same."""

Action = Literal["added", "changed", "removed", "starts", "stops", "fails", "order"]
"""`starts` and `stops`: its `when` begins or ceases to hold. `fails`: it cannot be rendered. `order`: only how it
is managed: what it waits for, what it notifies, what becomes of it when it leaves."""


class PreviewedRevision(BaseModel):
    """One of the two revisions."""

    rev: str
    """As it was asked for; `in force` for what the server has."""
    commit: Commit | None
    """None for files as they stand in a directory."""
    plan_root: Sha256
    """Digest over what every profile is to be: an approval that names it binds exactly this plan."""
    profiles: int
    """Match blocks that this revision makes hosts of."""


class AttributeChange(BaseModel):
    """One attribute of a resource, rendered. A side is left out where the attribute is not there."""

    name: str
    """The attribute, as a crate writes it."""
    item: Absent[str] = None
    """With `foreach`: which of its resources, as reports name it."""
    base: Annotated[Any, Field(exclude_if=lambda value: value is None)] = None
    """Its value under the base."""
    other: Annotated[Any, Field(exclude_if=lambda value: value is None)] = None
    """Its value under the other revision."""
    diff: Absent[str] = None
    """Of text with several lines: unified, in place of both sides."""
    note: Absent[str] = None
    """Why it is not shown, or that it is not rendered."""


class ResourceChange(BaseModel):
    """What becomes of one resource."""

    id: str
    """The resource, as reports have it: `crate/name`."""
    type: str
    """Resource type: `file`, `service` ..."""
    action: Action
    """What becomes of it."""
    maybe: Absent[str] = None
    """Why that is not certain."""
    about: str
    """What it manages: a path, a package; of several, how many."""
    attributes: list[AttributeChange]
    """Those that come out differently."""
    left_out: Absent[int] = None
    """Attributes that are not shown."""
    consequence: Absent[str] = None
    """What the host makes of a removal, a condition that ceases to hold, or a failure."""
    notifies: list[str]
    """Resources that run because of it."""
    file: str
    """Where it is written; of what is removed, where it was."""
    line: int
    """In the file, counted from 1; 0 where it is not known."""


class CrateChange(BaseModel):
    """A crate that comes, goes, or is another."""

    name: str
    """Name of the crate."""
    action: Literal["added", "removed", "changed"]
    """What becomes of it."""
    carriers: list[str]
    """What brings it, or brought it."""


class VarChange(BaseModel):
    """A var whose final value differs. Secrets stand there by name, as they do in git."""

    key: str
    """Dotted path of the var: `ssh.port`."""
    base: Annotated[Any, Field(exclude_if=lambda value: value is None)] = None
    """Its value under the base; left out where it is not set there."""
    other: Annotated[Any, Field(exclude_if=lambda value: value is None)] = None
    """Its value under the other revision; left out where it is not set there."""
    action: Literal["added", "changed", "removed"]
    """What becomes of it."""


class ProfilePair(BaseModel):
    """The match blocks that a host goes from and to; None where none applies."""

    base: str | None
    """The pattern of the block under the base."""
    other: str | None
    """The pattern of the block under the other revision."""


class ChangeClass(BaseModel):
    """Hosts for which the same changes."""

    id: Sha256
    """Names the change, whomever it is for: the same change has the same id in the next preview."""
    title: str
    """In a few words: `nginx changed, logrotate added`."""
    certainty: Certainty
    """Whether it changes, may change, or only says the same in other bytes."""
    membership: Literal["kept", "gained", "lost"]
    """Whether a match block applies in both revisions, in the other alone, or in the base alone."""
    count: int
    """Hosts of the class."""
    hosts: list[str]
    """Some of them, in order."""
    left_out: Absent[int] = None
    """How many hosts are not named."""
    example: str
    """The host whose values the rendered text shows."""
    profiles: list[ProfilePair]
    """Which match blocks the hosts are under, before and after."""
    environment: Absent[VarChange] = None
    """Where they come into another environment."""
    roles_added: list[str]
    """Roles that they get."""
    roles_removed: list[str]
    """Roles that they lose."""
    crates: list[CrateChange]
    """Crates that come, go, or are others."""
    reordered: bool
    """Whether crates that stay, or resources that stay in one of them, are applied in another order."""
    vars: list[VarChange]
    """Vars whose final value differs."""
    resources: list[ResourceChange]
    """What becomes of each resource that is concerned."""
    vars_left_out: Absent[int] = None
    """How many more vars differ."""
    resources_left_out: Absent[int] = None
    """How many more resources are concerned."""
    notes: list[str]
    """What is not known, or was not looked at."""


class RevisionPreview(BaseModel):
    """What one revision would be to hosts that are under another."""

    base: PreviewedRevision
    """What hosts are under now, or what was named in its place."""
    other: PreviewedRevision
    """What they would be under."""
    subject: Literal["hosts", "blocks"]
    """What is counted: hosts, or match blocks where no hosts are known."""
    summary: str
    """The answer in one sentence."""
    hosts: int
    """All that were looked at."""
    kinds: int
    """Classes in which something changes, or may."""
    changed: int
    """Hosts for which something changes, certainly or perhaps."""
    removing: int
    """Hosts of those that lose a resource, or the match block they are under."""
    unchanged: int
    """Hosts that get the same bytes."""
    unmanaged: int
    """Hosts that no match block applies to, in neither revision."""
    configcrate: Absent[str] = None
    """Only what concerns this crate was looked at."""
    traits: Absent[dict[str, Any]] = None
    """What-if: the traits that the other side was rendered with, in place of those last seen."""
    classes: list[ChangeClass]
    """Those that change most hosts first; those without visible change last."""
    left_out: Absent[int] = None
    """Classes that are not shown."""
    notes: list[str]
    """What is not known, or was not looked at."""

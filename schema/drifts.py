"""Drifts: what was found on hosts otherwise than it should be, and what became of the words of the fleet over time."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from schema.ids import Commit, EnvoyId, Hostname
from schema.protocol.reports import ObservedAttribute
from schema.time import Instant

MAX_HOSTS: Final = 500
"""Of one page."""
DEFAULT_HOSTS: Final = 100
MAX_DAYS: Final = 400
DEFAULT_DAYS: Final = 7
MAX_PROPOSED_HOSTS: Final = 1_000
MAX_PROPOSED_RESOURCES: Final = 100
MAX_RESOURCE_CHARS: Final = 4_096


class How(StrEnum):
    """How the agent left it."""

    CORRECTIVE = "corrective"
    """Somebody else had changed it, and the agent changed it back."""
    LEFT = "left"
    """It is otherwise still: the change failed, or the resource is only watched."""


class DriftedResource(BaseModel):
    """One resource that was otherwise than desired."""

    id: str
    """Names this one time that it drifted; the next time gets another."""
    resource: str
    """The resource, as `crate/name`."""
    type: str
    """Resource type: `file`, `service` ..."""
    how: How
    """How the agent left it."""
    since: Instant
    """When it was found so first."""
    last_at: Instant
    """When it was found so last."""
    times: int
    """How often it was found so, each run once."""
    run_id: str
    """The run that found it last."""
    commit: Commit
    """What that run was to apply."""
    file: str
    """Where the resource is written in that commit."""
    line: int
    """In the file, counted from 1; 0 where it is not known."""
    error: str
    """Why it was left, where it failed."""
    observed: list[ObservedAttribute]
    """What was found; empty where the agent did not tell."""
    differs: list[str] = Field(default_factory=list)
    """The same in a line each: `mode: 0666, desired 0644`; of a text the first line that differs."""
    ended_at: Instant | None = None
    """When it was over; null while it is not."""
    ended: str = ""
    """`repaired`, `desired` (a commit changed what is desired), `gone` (no longer managed), `calm` (not seen for a
    week); empty while it is not over."""


class DriftedHost(BaseModel):
    """One host with what was otherwise on it, the newest first."""

    envoy_id: EnvoyId
    """Id of the host at this server; one that enrols anew gets another."""
    hostname: Hostname
    """The host's name, as its enrolment token gave it."""
    since: Instant
    """When the oldest of them was found."""
    last_at: Instant
    """When something was found on it last."""
    resources: list[DriftedResource]
    """What was found, the newest first."""


class Drifts(BaseModel):
    """Hosts that drifted, by hostname."""

    hosts: list[DriftedHost]
    """The hosts of this page."""
    next_after: str | None = None
    """Give it as `after` for the hosts behind these; None when there are none."""


class ChangedHost(BaseModel):
    """What of one host's words was another at the end of a day than at its beginning: before, after."""

    envoy_id: EnvoyId
    """Id of the host at this server; one that enrols anew gets another."""
    hostname: Hostname
    """The host's name, as its enrolment token gave it."""
    convergence: list[str] | None = None
    """Before and after; null where it stayed the same."""
    drift: list[str] | None = None
    """Before and after; null where it stayed the same."""
    reachability: list[str] | None = None
    """Before and after; null where it stayed the same."""


class DriftDay(BaseModel):
    """One day of the fleet, UTC."""

    day: str
    """The day in UTC, as `2026-03-13`."""
    taken_at: Instant
    """When it was last counted."""
    final: bool
    """Whether the day was over."""
    counts: dict[str, int]
    """Hosts of each word, and `total`, when it was taken."""
    found: dict[str, int]
    """Drifts that were found first on this day, by how the agent left them."""
    changed: int
    """Hosts of which a word became another."""


class DriftDayDetail(DriftDay):
    """One day with its hosts."""

    hosts: list[ChangedHost]
    """Those of which a word became another."""
    left_out: int = 0
    """How many more there were than are kept."""


class DriftHistory(BaseModel):
    """Days, the newest first."""

    days: list[DriftDay]
    """One entry a day; days on which the server did not run are not there."""


class WordChange(BaseModel):
    """One word of a host that became another."""

    number: int
    """Grows with each change; what `before` of the next page is compared with."""
    at: Instant
    """When the server noticed."""
    kind: str
    """`convergence`, `drift` or `reachability`."""
    before: str
    """Empty: nothing was known before."""
    after: str
    """What the word became."""


class ConvergenceHistory(BaseModel):
    """The words of one host, and how they became what they are, the newest first."""

    envoy_id: EnvoyId
    """Id of the host at this server; one that enrols anew gets another."""
    hostname: Hostname
    """The host's name, as its enrolment token gave it."""
    convergence: str
    """Whether it is now what it should be."""
    drift: str
    """What its last run found."""
    reachability: str
    """Whether it is heard now."""
    since: Instant | None
    """When the last of them became what it is; None before the first look at it."""
    transitions: list[WordChange]
    """The newest first."""
    next_before: int | None = None
    """Give it as `before` for the ones older than these; None when there are none."""


class Level(StrEnum):
    """Where in the hierarchy a proposal writes, the narrowest first."""

    HOST = "host"
    """The host's own match block."""
    BLOCK = "block"
    """A match block of several hosts."""
    ROLE = "role"
    """A role."""
    ENVIRONMENT = "environment"
    """An environment."""
    COMMON = "common"
    """A `common.vgo`."""
    CRATE = "crate"
    """The crate itself."""


class DriftProposal(BaseModel):
    """One edit of the config after which what was found is what is desired."""

    rank: int
    """1 is the one that says it most briefly."""
    level: Level
    """Where in the hierarchy it writes."""
    summary: str
    """`vars.swappiness = 60 in environments.vgo:production`."""
    edits: int
    """Places in which something is written."""
    files: list[str]
    """Paths that it changes."""
    diff: str
    """Unified, of all files."""
    covers: list[Hostname]
    """Of the hosts that drifted so, those for which this makes desired what was found."""
    others: int
    """Hosts that it changes although they had not drifted so: the blast radius beyond."""
    also: list[str] = Field(default_factory=list)
    """Other resources of the hosts that drifted that this changes: they read the same; the first twenty."""
    blast: list[Hostname]
    """Hosts that it changes, the first ones."""
    blast_total: int
    """Of how many hosts `blast` has the first."""
    exact: bool
    """Whether it covers all that drifted so and changes no other host."""
    cost: int
    """What the ranking compares: edits, ten for each other host and each that is not covered."""


class DriftGroup(BaseModel):
    """One resource that was found otherwise in the same way on some hosts, and what can be done about it."""

    resource: str
    """The resource, as `crate/name`."""
    type: str
    """Resource type: `file`, `service` ..."""
    hosts: list[Hostname]
    """Where it was found so."""
    observed: list[ObservedAttribute]
    """What was found, and what was desired."""
    differs: list[str] = Field(default_factory=list)
    """The same in a line each; of a text the first line that differs."""
    changes: dict[str, str | None]
    """Attribute → the value that was found, as it would be desired; the elements of a list with commas between."""
    revert: str
    """What is done if nobody proposes anything: that the agent has changed it back, or cannot."""
    proposals: list[DriftProposal]
    """The briefest first; empty where there is none."""
    why_none: str = ""
    """Where there is no proposal: why what was found cannot be made desired by itself."""


class DriftWritten(BaseModel):
    """What became of the proposal that was to be written."""

    status: str
    """As of any write: `proposed` where it is on a branch for review."""
    commit: Commit | None = None
    """Made for it; null while it is not made yet."""
    branch: str = ""
    """Where the commit is."""


class ProposeDrift(BaseModel):
    """What a proposal is asked for."""

    model_config = ConfigDict(extra="forbid")

    hosts: list[Hostname] = Field(min_length=1, max_length=MAX_PROPOSED_HOSTS)
    """Hosts whose drifts are meant, by name."""
    resource: Annotated[str, StringConstraints(min_length=1, max_length=MAX_RESOURCE_CHARS)] | None = None
    """`crate/name`; all that drifted when not given."""
    write: bool = False
    """Write the first proposal of each group, together, as one proposal branch. Needs `config.publish`."""
    rank: int = Field(default=1, ge=1, le=20)
    """Which of the proposals is written."""


class DriftProposals(BaseModel):
    """What can be made desired of what was found."""

    groups: list[DriftGroup]
    """Drifts that are the same on several hosts are one group."""
    left_out: int = 0
    """Groups beyond the limit."""
    written: DriftWritten | None = None
    """What became of the proposal that was to be written; null where none was."""

"""Standings: how far each revision has come: the fleet, split into classes that exclude each other and sum to it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, Field

from schema.config import Absent
from schema.ids import Commit, EnvoyId, Hostname
from schema.revisions import RevisionState
from schema.time import Instant

FIRST_HOSTS: Final = 10
"""Hosts of each class that an answer names; pages have the others."""
MAX_PAGE: Final = 500
MAX_POINTS: Final = 500
"""Of one revision's history; beyond that, every other one of the older half goes."""

Version = Annotated[str, Field(min_length=1, max_length=64)]
"""In a path: `current`, a sequence, a commit or how it begins, or an RFC 3339 time."""


class StandingClass(StrEnum):
    """What a revision is to a host. Of several that could be said the first here is said."""

    UNMATCHED = "unmatched"
    """No match block of the revision applies to it: it keeps what it has."""
    QUARANTINED = "quarantined"
    """It is set apart, whatever it runs."""
    APPLIED = "applied"
    """Its last run made it, without a failure, what the revision means for it; under whatever commit."""
    MAINTENANCE = "maintenance"
    """Somebody is at work on it."""
    SUPERSEDED = "superseded"
    """It went, or will go, to a newer revision without having been this one."""
    FROZEN = "frozen"
    """It has it not yet, and follows when the freeze ends."""
    FAILED = "failed"
    """Its last run under what the revision means for it failed; or it cannot be told, or does not accept it."""
    OFFLINE = "offline"
    """It is not connected."""
    APPROVAL = "approval"
    """It waits until people have approved the plan, or its wave."""
    BLOCKED = "blocked"
    """Its rollout does not go on: a wave has failed, an invariant would not hold, or a person stopped it."""
    WAVE = "wave"
    """It is in a wave: it waits for its turn, or is at it."""


class StandingHost(BaseModel):
    """One host of a class."""

    id: EnvoyId
    """Id of the host at this server; one that enrols anew gets another."""
    hostname: Hostname
    """The host's name, as its enrolment token gave it."""
    wave: Absent[int] = None
    """Counted from 1."""
    until: Absent[Instant] = None
    """When what holds it ends."""
    since: Absent[Instant] = None
    """When it was heard last, of one that is offline; when its last run began, of one that failed."""
    cause: Absent[str] = None
    """Why it failed, or what is in the way."""
    resource: Absent[str] = None
    """The first resource that failed on it."""
    run: Absent[str] = None
    """Id of the run that failed."""


class StandingPart(BaseModel):
    """A class, and of the class `wave` one wave."""

    name: StandingClass
    """Which class it is."""
    wave: Absent[int] = None
    """Counted from 1; of hosts that are in a wave or wait for it."""
    wave_name: Absent[str] = None
    """As the plan calls that wave."""
    count: int
    """Hosts of the part."""
    cause: Absent[str] = None
    """What the rollout waits for, or why it does not go on."""
    hosts: list[StandingHost]
    """The first ten hosts, by name."""


class Eta(BaseModel):
    """When the last of the hosts that are in a wave will have it."""

    at: Instant | None = None
    """None: not known, or nothing to wait for."""
    why: str = ""
    """Why it is not known; or what it leaves out."""


class Standing(BaseModel):
    """How far one revision has come."""

    version: int
    """Sequence of the revision."""
    commit: Commit
    """The revision, as git names it."""
    state: RevisionState
    """What became of the revision."""
    in_force_at: Instant | None
    """When it came into force."""
    total: int
    """Hosts of the fleet: what the classes sum to."""
    counts: dict[StandingClass, int]
    """Every class, also with none."""
    complete: bool
    """Whether every host that it says something of has it."""
    parts: list[StandingPart]
    """Those that are not empty."""
    eta: Eta
    """When the last of the hosts that are on their way will have it."""
    at: Instant
    """As of when this is so."""


class StandingHosts(BaseModel):
    """Hosts of one class, by name."""

    hosts: list[StandingHost]
    """The hosts of this page."""
    next_after: Absent[str] = None
    """Give it as `after` for those behind; left out at the end."""


class StandingPoint(BaseModel):
    """How far a revision had come at a time."""

    at: Instant
    """When the counts were so."""
    counts: dict[StandingClass, int]
    """Classes with none are left out."""


class StandingHistory(BaseModel):
    """A revision's counts at each change, oldest first; of what is long ago, thinned."""

    version: int
    """Sequence of the revision."""
    commit: Commit
    """The revision, as git names it."""
    points: list[StandingPoint]
    """The oldest first."""

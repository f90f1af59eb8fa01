"""Holds: what keeps hosts from getting anything new for a while, and the permission that goes through.

A host on hold gets no new desired state. What it holds is renewed, what it reports is taken. A commit comes into force
all the same, and the hosts follow it when the hold has ended.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from schema.ids import Commit, EnvoyId, Hostname
from schema.time import HOUR, Instant

MAX_HOLDS: Final = 1_000
"""In force at one time."""
MAX_GLASSES: Final = 20
"""Permissions on at one time."""
MAX_GLASS: Final = 4 * HOUR
"""Microseconds that one permission is on at most."""
MAX_REASON: Final = 1_000
MAX_MATCH: Final = 2_000

HoldId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
_PRINTED: Final = r"^[^\x00-\x1f\x7f]*$"
_ADDRESS: Final = r"^[^\s<>\x00-\x1f]+@[^\s<>\x00-\x1f]+$"
Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_REASON, pattern=_PRINTED)]
Match = Annotated[str, StringConstraints(min_length=1, max_length=MAX_MATCH, pattern=_PRINTED)]
"""As in a match block: a host name, a glob, or a regular expression between slashes."""


class HoldKind(StrEnum):
    """What a hold means beside that nothing new comes. The later one here is the stronger."""

    FREEZE = "freeze"
    """It gets nothing new; all else is as ever."""
    MAINTENANCE = "maintenance"
    """Somebody is at work on the host: its failures and its silence are not counted as such."""
    QUARANTINE = "quarantine"
    """Nobody trusts the host: it does not count as healthy anywhere."""


class Hold(BaseModel):
    """One hold in force. Of all hosts, those of a pattern, or one envoy."""

    model_config = ConfigDict(frozen=True)

    id: HoldId
    """By which it is taken off."""
    kind: HoldKind
    """What it means beside that nothing new comes."""
    match: str | None = None
    """Whom it holds; None for all, or for the one of `envoy_id`."""
    envoy_id: EnvoyId | None = None
    """The one envoy that it holds; null where it is of all or of a pattern."""
    hostname: Hostname | None = None
    """Name of that envoy's host."""
    until: Instant | None = None
    """When it ends by itself; None for never."""
    reason: str = ""
    """Why; empty where nobody said."""
    created_at: Instant
    """Since when it holds."""
    created_by: str
    """Name of whoever set it."""


class HoldCreate(BaseModel):
    """A hold to be made: of all hosts, or with one of `match` and `envoy`."""

    model_config = ConfigDict(extra="forbid")

    kind: HoldKind
    """What it means beside that nothing new comes."""
    match: Match | None = None
    """A host name, a glob, or a regular expression between slashes; all hosts when neither this nor `envoy` is given.
    """
    envoy: str | None = Field(default=None, min_length=1, max_length=253)
    """Id or hostname of the one envoy to be held."""
    until: Instant | None = None
    """When it ends by itself; without a time it lasts until it is taken off."""
    reason: Reason = ""
    """Why, for those who come upon it."""

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if self.match is not None and self.envoy is not None:
            raise ValueError("a hold is of a pattern or of an envoy, not of both")
        return self


class Freeze(BaseModel):
    """A freeze to be set. Without a time it lasts until it is taken off."""

    model_config = ConfigDict(extra="forbid")

    freeze_until: Instant | None = None
    """When it ends by itself; without a time it lasts until it is taken off."""
    match: Match | None = None
    """Whom; all when not said."""
    reason: Reason = ""
    """Why, for those who come upon it."""


class Frozen(BaseModel):
    """What is frozen now."""

    frozen: bool
    """Whether any host is."""
    freeze_until: Instant | None
    """When the last of it ends by itself; null while something has no end, and when nothing is frozen."""
    holds: list[Hold]
    """The freezes in force."""


class Until(BaseModel):
    """Until when, and why."""

    model_config = ConfigDict(extra="forbid")

    until: Instant | None = None
    """Without a time, until it is taken off."""
    reason: Reason = ""
    """Why, for those who come upon it."""


class BreakGlass(BaseModel):
    """A permission that is on for a while: what it names goes through a freeze and a missing approval."""

    model_config = ConfigDict(frozen=True)

    id: HoldId
    """By which it is closed."""
    commit: Commit | None = None
    """What goes through: this commit and its rollout; null where an author is named."""
    author: str = ""
    """What goes through: the commits of whoever has this address; empty where a commit is named."""
    match: str | None = None
    """Only to these hosts; None for all."""
    until: Instant
    """When it ends by itself."""
    reason: str
    """Why it was needed."""
    opened_at: Instant
    """Since when it is on."""
    opened_by: str
    """Name of whoever opened it."""
    ended_at: Instant | None = None
    """When it was over; null while it is on."""
    ended_by: str = ""
    """Who closed it; `time` where nobody did, empty while it is on."""
    used_for: list[Commit] = []
    """What it let through, in order."""


class BreakGlassOpen(BaseModel):
    """A permission to be opened."""

    model_config = ConfigDict(extra="forbid")

    commit: str | None = Field(default=None, pattern=r"^[0-9a-f]{4,64}$")
    """A commit, or how its id begins."""
    author: str | None = Field(
        default=None, min_length=3, max_length=320, pattern=r"^[^\s<>\x00-\x1f]+@[^\s<>\x00-\x1f]+$"
    )
    """An address, as commits give their authors."""
    match: Match | None = None
    """Only to these hosts: a host name, a glob, or a regular expression between slashes. All when not given."""
    until: Instant
    """When it ends by itself."""
    reason: Annotated[Reason, StringConstraints(min_length=8)]
    """Why it is needed: at least 8 characters, kept in the audit log."""

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.commit is None) == (self.author is None):
            raise ValueError("say what goes through: a commit, or an author")
        return self


class BreakGlassList(BaseModel):
    """Permissions, the newest first."""

    break_glass: list[BreakGlass]
    """Permissions that are on, and those that are over."""


class HoldList(BaseModel):
    """Holds, the newest first, and the permissions that are on."""

    holds: list[Hold]
    """The holds in force now."""
    break_glass: list[BreakGlass]
    """The permissions that are on now."""

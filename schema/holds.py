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
    MAINTENANCE = "maintenance"
    """Somebody is at work on the host: its failures and its silence are not counted as such."""
    QUARANTINE = "quarantine"
    """Nobody trusts the host: it does not count as healthy anywhere."""


class Hold(BaseModel):
    """One hold in force. Of all hosts, those of a pattern, or one envoy."""

    model_config = ConfigDict(frozen=True)

    id: HoldId
    kind: HoldKind
    match: str | None = None
    """Whom it holds; None for all, or for the one of `envoy_id`."""
    envoy_id: EnvoyId | None = None
    hostname: Hostname | None = None
    """Of that envoy."""
    until: Instant | None = None
    """When it ends by itself; None for never."""
    reason: str = ""
    created_at: Instant
    created_by: str


class HoldCreate(BaseModel):
    """A hold to be made: of all hosts, or with one of `match` and `envoy`."""

    model_config = ConfigDict(extra="forbid")

    kind: HoldKind
    match: Match | None = None
    envoy: str | None = Field(default=None, min_length=1, max_length=253)
    """Id or hostname."""
    until: Instant | None = None
    reason: Reason = ""

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if self.match is not None and self.envoy is not None:
            raise ValueError("a hold is of a pattern or of an envoy, not of both")
        return self


class Freeze(BaseModel):
    """A freeze to be set. Without a time it lasts until it is taken off."""

    model_config = ConfigDict(extra="forbid")

    freeze_until: Instant | None = None
    match: Match | None = None
    """Whom; all when not said."""
    reason: Reason = ""


class Frozen(BaseModel):
    """What is frozen now."""

    frozen: bool
    freeze_until: Instant | None
    """When the last of it ends by itself; null while something has no end, and when nothing is frozen."""
    holds: list[Hold]


class Until(BaseModel):
    """Until when, and why."""

    model_config = ConfigDict(extra="forbid")

    until: Instant | None = None
    """Without a time, until it is taken off."""
    reason: Reason = ""


class BreakGlass(BaseModel):
    """A permission that is on for a while: what it names goes through a freeze and a missing approval."""

    model_config = ConfigDict(frozen=True)

    id: HoldId
    commit: Commit | None = None
    """What goes through: this commit and its rollout,"""
    author: str = ""
    """or the commits of whoever has this address; empty with a commit."""
    match: str | None = None
    """Only to these hosts; None for all."""
    until: Instant
    reason: str
    opened_at: Instant
    opened_by: str
    ended_at: Instant | None = None
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
    until: Instant
    reason: Annotated[Reason, StringConstraints(min_length=8)]

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.commit is None) == (self.author is None):
            raise ValueError("say what goes through: a commit, or an author")
        return self


class BreakGlassList(BaseModel):
    """Permissions, the newest first."""

    break_glass: list[BreakGlass]


class HoldList(BaseModel):
    """Holds, the newest first, and the permissions that are on."""

    holds: list[Hold]
    break_glass: list[BreakGlass]

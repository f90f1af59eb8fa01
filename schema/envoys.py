"""Envoys: the managed hosts, as the API tells of them; enrolment tokens; what the inventory answers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from schema.ids import Commit, EnvoyId, Hostname
from schema.time import Instant

MAX_PAGE: Final = 5_000
DEFAULT_PAGE: Final = 500
DEFAULT_TOKEN_LIFE_S: Final = 24 * 3600
MAX_TOKEN_LIFE_S: Final = 30 * 24 * 3600

EnvoyKey = Annotated[
    str, StringConstraints(min_length=1, max_length=253), Field(description="An envoy's id, or its hostname.")
]


class Convergence(StrEnum):
    """Whether a host is what it should be. Disjoint; over the fleet they sum to its size."""

    CONVERGED = "converged"
    """Its last run made it what it should be, and that is still what it should be."""
    DEGRADED = "degraded"
    """Some resource of its last run failed, or it has not yet taken what it should be."""
    FAILED = "failed"
    """Nothing of its last run went well, or it refused what it should be."""
    NO_DATA = "no data"
    """It has not run yet, or has been silent for a day."""


class Drift(StrEnum):
    """What the last run found."""

    NONE = "none"
    """All was as desired."""
    CHANGED = "changed"
    """It was brought to what a commit newly asked for."""
    DIVERGED = "diverged"
    """Somebody else had changed something, or it could not be made as desired."""


class Reachability(StrEnum):
    """Whether a host can be spoken to now."""

    ONLINE = "online"
    """It was heard lately, as often as it usually is."""
    OFFLINE = "offline"
    """It has been silent for 2.5 times as long as it usually is."""


class _Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True)


class Envoy(_Camel):
    """One managed host."""

    id: EnvoyId
    """Id of the host at this server; one that enrols anew gets another."""
    hostname: Hostname
    """The host's name, as its enrolment token gave it."""
    ip_address: str
    """Where it connected from last; empty before the first time."""
    enrolled_at: Instant
    """When it got its certificate."""
    last_seen: Instant | None
    """When it was heard last; null before the first time."""
    revoked: bool
    """Whether its certificate is refused from now on."""
    agent_version: str
    """As the agent said when it connected last; empty before the first time."""
    status: Literal["online", "offline"]
    """Whether it is connected at this moment."""
    convergence: Convergence
    """Whether it is what it should be."""
    drift: Drift
    """What its last run found: nothing, what a commit asked for, or what somebody else had changed."""
    reachability: Reachability
    """`offline` when it has been silent for 2.5 times as long as it usually is."""
    environment: str
    """Of the profile it was assigned last; empty while nothing matches it."""
    commit: Commit | None
    """Of its last assignment."""
    generation: int
    """Of its last assignment; 0 before the first."""
    stalled: str
    """Why it has no newer assignment; empty when nothing is in the way."""
    last_run_at: Instant | None
    """When its last run began; null before the first."""


class EnvoyPage(_Camel):
    """One page of the fleet, by hostname."""

    envoys: list[Envoy]
    """The envoys of this page."""
    total: int
    """Envoys that fit the question, on all pages."""
    offset: int
    """How many come before this page."""
    limit: int
    """How many a page has at most."""
    has_more: bool
    """Whether another page follows."""
    next_offset: int
    """`offset` of the next page."""


class CheckAsked(BaseModel):
    """How far the wish for a check got."""

    asked: int
    """How many envoys it was for."""
    reached: int
    """Of those, how many are connected and were told. The others look when they next do by themselves."""
    within_s: float
    """Each begins at a moment in this time that it chooses."""


class EnvoyCompliance(BaseModel):
    """Whether one host is what it should be, in the words of the compliance documents."""

    envoy_id: EnvoyId
    """Id of the host at this server; one that enrols anew gets another."""
    hostname: Hostname
    """The host's name, as its enrolment token gave it."""
    status: str
    """`compliant`, `degraded`, `failed`, `no data`."""
    last_run_at: Instant | None
    """When its last run began; null before the first."""


class HostTraits(BaseModel):
    """What a host last said it is."""

    hostname: Hostname
    """The host's name, as its enrolment token gave it."""
    collected_at: Instant
    """When the host looked."""
    traits: dict[str, Any]
    """By name, nested: `os.family` is `{"os": {"family": …}}`."""
    errors: dict[str, str] = {}
    """Trait → why it, or a part of it, could not be told."""


class InventoryItem(BaseModel):
    """One host of the inventory."""

    hostname: Hostname
    """The host's name, as its enrolment token gave it."""
    ip_address: str
    """Where it connected from last; empty before the first time."""
    collected_at: Instant
    """When the host looked."""
    traits: dict[str, Any]
    """By dotted path when `show` chose some, else whole."""


class Inventory(BaseModel):
    """Hosts by what they say they are."""

    count: int
    """Hosts that fit the question."""
    envoys: list[InventoryItem]
    """The hosts, by name."""


class InventoryKey(BaseModel):
    """One key of the inventory."""

    key: str
    """Dotted path, at which there is something else than a map."""
    envoys: int
    """How many envoys have it."""


class InventoryKeys(BaseModel):
    """The keys of the inventory, by name."""

    count: int
    """Keys in all."""
    envoys: int
    """How many have said what they are."""
    keys: list[InventoryKey]
    """Each with how many hosts have it."""
    left_out: int = 0
    """How many more there are than are told."""


class TokenCreate(BaseModel):
    """An enrolment token to be made."""

    model_config = ConfigDict(extra="forbid")

    hostname: Hostname
    """What the host will be called: it decides configuration and secrets."""
    expires_in: str | None = Field(default=None, max_length=32)
    """`30m`, `1h`, `7d`; 24 hours when not said."""
    replace: bool = False
    """Whether a host of this name that is enrolled already gives way: its certificate is revoked."""


class TokenMade(BaseModel):
    """An enrolment token, shown this once."""

    token: str
    """`vget_…`: good once, for this host name."""
    hostname: Hostname
    """That the host will be called."""
    expires_at: Instant
    """From when on it is refused."""
    command: str
    """What to run on the host, from nothing: it trusts no certificate but the one the token names."""

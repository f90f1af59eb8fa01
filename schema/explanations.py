"""Explanations: why a host has something or has it not, why two hosts differ, which config lines matter to nobody."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel

from schema.config import Absent
from schema.ids import Commit
from schema.time import Instant

MAX_SOURCE: Final = 1_000
"""Characters of a source line that an answer shows."""


class Blamed(BaseModel):
    """The commit that last changed a line, as it says of itself."""

    commit: Commit
    """That last changed the line."""
    author: str
    """As the commit gives it: typed by somebody, never verified."""
    time: Instant
    """When it was committed."""
    summary: str
    """First line of the commit's message."""


class Line(BaseModel):
    """A line of the config. Lines and columns count from 1."""

    file: str
    """Path in the repository."""
    line: int
    """Line of the file, counted from 1."""
    column: int
    """Column of the line, counted from 1."""
    source: str
    """The line as it stands, cut after 1,000 characters."""
    blame: Absent[Blamed] = None
    """Left out where it is not known: a directory has no history, and history is searched within bounds."""


class LinkKind(StrEnum):
    """What one line does for the answer."""

    MATCH = "match"
    """A match block applies to the host."""
    INHERIT = "inherit"
    """A `common.vgo` hands something on to all below its directory."""
    ROLE = "role"
    """A role is listed, or included by another."""
    ENVIRONMENT = "environment"
    """The block's environment, or what that environment says."""
    LIST = "list"
    """A crate or usercrate is listed."""
    WRITE = "write"
    """A var is written."""
    APPEND = "append"
    """A var is appended to."""
    DECLARE = "declare"
    """A crate declares a resource, or itself."""
    CONDITION = "condition"
    """A `when` or `foreach`."""
    EXCLUDE = "exclude"
    """A crate is excluded."""


class Link(BaseModel):
    """One link of a chain: a line, and what it does."""

    kind: LinkKind
    """What the line does for the answer."""
    text: str
    """The same in words."""
    at: Absent[Line] = None
    """Left out where no line says it: a name that is written nowhere."""


class SubjectKind(StrEnum):
    """What was asked about."""

    RESOURCE = "resource"
    """A resource: `nginx/reload`."""
    VAR = "var"
    """A var: `ssh.port`."""
    CRATE = "crate"
    """A crate."""
    ROLE = "role"
    """A role."""
    ENVIRONMENT = "environment"
    """An environment."""
    USERCRATE = "usercrate"
    """A usercrate."""
    UNKNOWN = "unknown"
    """The config has nothing of that name."""


class Presence(StrEnum):
    """Whether the host has it."""

    PRESENT = "present"
    """The host has it."""
    ABSENT = "absent"
    """The host does not have it."""
    CONDITIONAL = "conditional"
    """It is in the host's catalog under a condition whose outcome is not known here."""


class Reason(StrEnum):
    """The first clause that kept something out, by its kind."""

    UNKNOWN_NAME = "unknown-name"
    """The config has nothing of that name."""
    NO_MATCH = "no-match"
    """No match block applies to the host."""
    OUTMATCHED = "outmatched"
    """Another match block applies to the host, in place of the one that would bring it."""
    NOT_LISTED = "not-listed"
    """Nothing that applies to the host brings it."""
    EXCLUDED = "excluded"
    """It is brought, and an `exclude_configcrates` takes it away."""
    CONDITION = "condition"
    """A `when` is false, or a `foreach` has no items."""
    OVERRIDDEN = "overridden"
    """A stronger layer says otherwise."""


class Effect(StrEnum):
    """What one layer's word on a var comes to."""

    SETS = "sets"
    """It is the first to say something."""
    REPLACES = "replaces"
    """It takes the place of what weaker layers said."""
    MERGES = "merges"
    """Its keys are merged into the weaker layers' map."""
    APPENDS = "appends"
    """Its items come behind those of weaker layers."""


class VarLayer(BaseModel):
    """What one layer says about a var."""

    source: str
    """As a trace says it: `common.vgo`, `role:webserver`, `match-block`, `configcrate:nginx`."""
    value: Any
    """As this layer writes it."""
    effect: Effect
    """What that comes to, on top of the weaker layers."""
    wins: bool
    """Whether some of the final value is its."""
    keys: Absent[list[str]] = None
    """Of a map: those of its keys, dotted, that stand in the final value as it wrote them."""
    at: Line
    """Where it is written."""


class Explanation(BaseModel):
    """Why a host has something, or the first clause that keeps it from having it."""

    hostname: str
    """As it was asked."""
    subject: str
    """As it was asked."""
    kind: SubjectKind
    """What the subject turned out to be."""
    name: str
    """What it was taken for: `nginx`, `nginx/reload`, `ssh.port`."""
    presence: Presence
    """Whether the host has it."""
    summary: str
    """The answer in one sentence."""
    chain: list[Link]
    """From the match block to the line that brings it; of something absent, as far as it gets."""
    reason: Absent[Reason] = None
    """Of something absent: what kind of clause kept it out."""
    kept_out: Absent[Link] = None
    """The clause that kept it out."""
    instead: Absent[list[Link]] = None
    """Where the config would bring it, to other hosts than this; the nearest first."""
    layers: Absent[list[VarLayer]] = None
    """Of a var: every layer that says something about it, from weak to strong."""
    value: Absent[Any] = None
    """Of a var that is there and not null: its final value."""
    depends_on: Absent[list[str]] = None
    """What only the host can tell, and the conditions ask: `traits.os.family`, `file_exists`."""
    also: Absent[list[str]] = None
    """Other subjects that the same words could mean: `role:monitoring`."""
    hint: Absent[str] = None
    """What the question may have meant, or where to look; left out where there is nothing to advise."""
    commit: Absent[Commit] = None
    """The revision that was asked; left out for files as they stand in a directory."""
    left_out: Absent[int] = None
    """How many more lines `instead`, `chain` and `layers` would have."""


class DifferenceKind(StrEnum):
    """In what two hosts differ."""

    ENVIRONMENT = "environment"
    """The environment."""
    ROLE = "role"
    """A role."""
    CRATE = "crate"
    """A crate."""
    USERCRATE = "usercrate"
    """A usercrate."""
    VAR = "var"
    """A var."""
    RESOURCE = "resource"
    """A resource."""


class Difference(BaseModel):
    """One thing in which two hosts differ."""

    kind: DifferenceKind
    """What sort of thing it is."""
    name: str
    """`nginx`, `ssh.port`, `nginx/reload`."""
    one: Absent[Any] = None
    """What the first host has; left out where it has nothing."""
    other: Absent[Any] = None
    """What the second host has; left out where it has nothing."""
    keys: Absent[list[str]] = None
    """Of a resource that both have: the parameters that come out differently."""


class CauseKind(StrEnum):
    """What makes two hosts differ."""

    LINE = "line"
    """One line of the config."""
    ROLE = "role"
    """A role that one of them is given."""
    ENVIRONMENT = "environment"
    """The environment that one of them is in."""
    LEVEL = "level"
    """A `common.vgo` that only one of them inherits from."""
    BLOCK = "block"
    """What a match block says itself."""
    FILE = "file"
    """A file whose content is not the same in both revisions."""
    TRAIT = "trait"
    """A trait by which they differ."""
    HOST = "host"
    """The host's own name."""


class Cause(BaseModel):
    """A line, a trait or a name that makes two hosts differ, with all that it explains."""

    kind: CauseKind
    """What sort of cause it is."""
    text: str
    """The same in words."""
    of: str
    """Whose it is: `one`, `other` or `both`."""
    at: Absent[Line] = None
    """The line; left out where no line says it."""
    other_at: Absent[Line] = None
    """Where the other host's revision has the same line, and says otherwise."""
    one: Absent[Any] = None
    """Of a trait or a name: what the first host has."""
    other: Absent[Any] = None
    """Of a trait or a name: what the second host has."""
    explains: list[Difference]
    """Differences that go back to it."""
    left_out: Absent[int] = None
    """How many more it explains."""


class Side(BaseModel):
    """One of two hosts that are held against each other."""

    hostname: str
    """As it was asked."""
    match_pattern: Absent[str] = None
    """Left out where no match block applies."""
    at: Absent[Line] = None
    """Where that block stands."""
    commit: Absent[Commit] = None
    """The revision that was asked; left out for files as they stand in a directory."""
    traits: bool
    """Whether its traits were known."""


class Causes(BaseModel):
    """Why two hosts differ: the smallest set of causes that explains every difference."""

    one: Side
    """The first host."""
    other: Side
    """The second host."""
    alike: bool
    """Whether nothing is known in which they differ."""
    differences: int
    """In how many things they differ."""
    causes: list[Cause]
    """Those that explain most come first."""
    smallest: bool
    """Whether no smaller set would do; false where there was too much to try, and the set is merely a small one."""
    undecided: Absent[list[str]] = None
    """What resources depend on and is not known of one host: they may differ by it."""
    left_out: Absent[int] = None
    """How many more things they may differ in that a bound kept from being compared."""


class Finding(StrEnum):
    """Why a line or name matters to nobody, or to one host alone."""

    NO_HOST = "no-host"
    """It applies to no host."""
    OVERRIDDEN = "overridden"
    """On every host that it reaches, something stronger says otherwise."""
    REDUNDANT = "redundant"
    """On every host that it reaches, something before it says the same; or it excludes what none of them has."""
    ONE_HOST = "one-host"
    """It decides for exactly one host."""
    UNUSED = "unused"
    """Nothing names it, or nothing that a host has."""
    UNREAD = "unread"
    """A var that no crate reads."""


class SubjectOfCoverage(StrEnum):
    """What a finding is about."""

    BLOCK = "block"
    """A match block."""
    LEVEL = "level"
    """A `common.vgo`."""
    VAR = "var"
    """A var."""
    LISTING = "listing"
    """A crate in a list."""
    EXCLUSION = "exclusion"
    """A crate in a list of those that are excluded."""
    CRATE = "crate"
    """A crate."""
    USERCRATE = "usercrate"
    """A usercrate."""
    ROLE = "role"
    """A role."""
    ENVIRONMENT = "environment"
    """An environment."""
    TEMPLATE = "template"
    """A template."""
    FILE = "file"
    """A file below `files/`."""


class Covered(BaseModel):
    """A line or a file that matters to no host, or to one."""

    finding: Finding
    """Why it matters to nobody, or to one host alone."""
    about: SubjectOfCoverage
    """What it is."""
    name: str
    """A pattern, a directory, a dotted var, the name of a crate or role, a path."""
    source: str
    """The layer that says it, as in a trace; of a crate, a role or a file, its path."""
    at: Line
    """Where it is written."""
    host: Absent[str] = None
    """The one host, where it decides for one."""
    by: Absent[str] = None
    """What overrides it, where that is always the same: a layer, or the block in its stead."""


class Basis(StrEnum):
    """What lines were held against."""

    HOSTS = "hosts"
    """Named hosts."""
    BLOCKS = "blocks"
    """Match blocks: each that can win stands for a host."""


class Coverage(BaseModel):
    """Which lines of the config matter to no host, or to one alone."""

    basis: Basis
    """What the lines were held against."""
    hosts: int
    """Hosts or blocks that were looked at."""
    unmatched: int
    """Hosts to which no block applies."""
    statements: int
    """Lines that were judged: blocks, levels, vars, listings, exclusions, and what they name."""
    counts: dict[str, int]
    """Findings by kind, also of what is left out."""
    found: list[Covered]
    """By file and line; what matters to nobody before what decides for one host, when not all fits."""
    left_out: Absent[int] = None
    """How many more findings there are."""
    commit: Absent[Commit] = None
    """The revision that was asked; left out for files as they stand in a directory."""

"""Sources: which repository is followed and how that goes, and the refs that are looked at beside the tracked one."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

from pydantic import BaseModel

from schema.config import Absent
from schema.diagnostics import Diagnostic
from schema.ids import Commit, Sha256
from schema.previews import Certainty
from schema.time import Instant

MAX_DIAGNOSTICS: Final = 50
MAX_CLASSES: Final = 20
MAX_HOSTS: Final = 5
MAX_LISTED: Final = 200


class SourceState(StrEnum):
    """How reading the repository goes."""

    NONE = "none"
    """No repository is followed."""
    WAITING = "waiting"
    """Nothing was read yet."""
    READING = "reading"
    """What the tracked ref names is known."""
    UNREADABLE = "unreadable"
    """What is in force stays; it is tried again by itself."""


class SourceError(BaseModel):
    """Why the repository cannot be read."""

    code: str
    message: str
    since: Instant


class Polling(BaseModel):
    """How a remote is asked for news."""

    interval_s: float
    """Before jitter of a fifth to either side."""
    next_at: Instant | None
    failures: int
    """Fetches that failed since the last that went well; each makes the wait longer, up to five minutes."""


class HookSeen(BaseModel):
    """What came of the webhooks of one provider, since this process began."""

    provider: str
    accepted: int
    refused: int
    last_at: Instant
    last: str
    """`accepted`, `ignored`, or the code of why it was refused."""


class Source(BaseModel):
    """The followed repository."""

    state: SourceState
    location: str
    """Empty where none is followed; never holds a password."""
    kind: Literal["", "local", "remote"]
    track: str
    commit: Commit | None
    """What the tracked ref named when it was read last, whether or not that is in force."""
    preview: list[str]
    """Patterns of the refs that are looked at beside it, each in full."""
    last_try_at: Instant | None
    last_read_at: Instant | None
    error: SourceError | None
    polling: Polling | None
    """None for a repository of this machine, whose changes are noticed as they are made."""
    hooks: list[HookSeen]
    """Empty where none came since this process began."""
    refs: int


class PreviewState(StrEnum):
    """What is known of a commit that is not in force."""

    WAITING = "waiting"
    VALID = "valid"
    INVALID = "invalid"
    UNREADABLE = "unreadable"
    """Git cannot give it, or it is beyond the limits."""


class Touched(BaseModel):
    """Hosts for which the same would change."""

    id: Sha256
    title: str
    certainty: Certainty
    count: int
    hosts: list[str]
    """Some of them."""


class Outlook(BaseModel):
    """What a ref would change for the hosts there are."""

    against: Commit | None
    """What was in force when that was worked out."""
    at: Instant
    summary: str
    hosts: int
    changed: int
    removing: int
    classes: list[Touched]
    left_out: Absent[int] = None
    """Classes that are not listed."""


class PreviewRef(BaseModel):
    """One ref beside the tracked one, and what its head would be."""

    name: str
    """What to call it in `vigo preview` and `--as-of`."""
    ref: str
    commit: Commit
    state: PreviewState
    author: str = ""
    """As the commit says: typed by somebody, shown, never trusted."""
    summary: str = ""
    committed_at: Instant | None = None
    moved_at: Instant
    """When this server first saw this commit there."""
    message: str = ""
    """Why it is unreadable, or waits."""
    errors: int = 0
    """Diagnostics in all."""
    diagnostics: list[Diagnostic] = []
    outlook: Outlook | None = None
    """None while it is not worked out: only the newest are."""


class PreviewRefs(BaseModel):
    """Refs beside the tracked one, those that moved last first."""

    refs: list[PreviewRef]
    count: int
    left_out: int
    """Refs that fit a pattern and are too many to look at, or lead to no commit."""


class HookTaken(BaseModel):
    """What becomes of a webhook."""

    status: Literal["accepted", "ignored"]
    """`ignored`: it is about nothing that moves a ref."""

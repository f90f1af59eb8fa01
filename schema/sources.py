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
    """Of the fault, as in the list of errors."""
    message: str
    """What is wrong, in a sentence."""
    since: Instant
    """Since when it has been so."""


class Polling(BaseModel):
    """How a remote is asked for news."""

    interval_s: float
    """Before jitter of a fifth to either side."""
    next_at: Instant | None
    """When it is asked next; null while that is not decided."""
    failures: int
    """Fetches that failed since the last that went well; each makes the wait longer, up to five minutes."""


class HookSeen(BaseModel):
    """What came of the webhooks of one provider, since this process began."""

    provider: str
    """As in the path of the webhook: `github`, `gitlab` ..."""
    accepted: int
    """How many were accepted."""
    refused: int
    """How many were refused: not signed, too old, or sent twice."""
    last_at: Instant
    """When the last one came."""
    last: str
    """`accepted`, `ignored`, or the code of why it was refused."""


class Source(BaseModel):
    """The followed repository."""

    state: SourceState
    """How reading it goes."""
    location: str
    """Empty where none is followed; never holds a password."""
    kind: Literal["", "local", "remote"]
    """`local` for a directory of this machine; empty where none is followed."""
    track: str
    """The branch or ref whose head comes into force."""
    commit: Commit | None
    """What the tracked ref named when it was read last, whether or not that is in force."""
    preview: list[str]
    """Patterns of the refs that are looked at beside it, each in full."""
    last_try_at: Instant | None
    """When it was last tried to be read; null before the first time."""
    last_read_at: Instant | None
    """When it was last read; null before the first time."""
    error: SourceError | None
    """Why it cannot be read; null while it can."""
    polling: Polling | None
    """None for a repository of this machine, whose changes are noticed as they are made."""
    hooks: list[HookSeen]
    """Empty where none came since this process began."""
    refs: int
    """Refs beside the tracked one that are looked at."""


class PreviewState(StrEnum):
    """What is known of a commit that is not in force."""

    WAITING = "waiting"
    """It has not been looked at yet."""
    VALID = "valid"
    """It compiles."""
    INVALID = "invalid"
    """It does not compile; its diagnostics say why."""
    UNREADABLE = "unreadable"
    """Git cannot give it, or it is beyond the limits."""


class Touched(BaseModel):
    """Hosts for which the same would change."""

    id: Sha256
    """Names the change, whomever it is for: the same change has the same id in the next preview."""
    title: str
    """In a few words: `nginx changed, logrotate added`."""
    certainty: Certainty
    """Whether it changes, may change, or only says the same in other bytes."""
    count: int
    """Hosts of the class."""
    hosts: list[str]
    """Names of some of them."""


class Outlook(BaseModel):
    """What a ref would change for the hosts there are."""

    against: Commit | None
    """What was in force when that was worked out."""
    at: Instant
    """When it was worked out."""
    summary: str
    """The answer in one sentence."""
    hosts: int
    """That were looked at."""
    changed: int
    """Hosts for which something changes, certainly or perhaps."""
    removing: int
    """Hosts of those that lose a resource, or the match block they are under."""
    classes: list[Touched]
    """Hosts for which the same changes, those of most hosts first."""
    left_out: Absent[int] = None
    """Classes that are not listed."""


class PreviewRef(BaseModel):
    """One ref beside the tracked one, and what its head would be."""

    name: str
    """What to call it in `vigo preview` and `--as-of`."""
    ref: str
    """In full: `refs/heads/new-dns`."""
    commit: Commit
    """The commit that it names: its head."""
    state: PreviewState
    """What is known of it."""
    author: str = ""
    """As the commit says: typed by somebody, shown, never trusted."""
    summary: str = ""
    """First line of the commit's message."""
    committed_at: Instant | None = None
    """As the commit says; null where it could not be read."""
    moved_at: Instant
    """When this server first saw this commit there."""
    message: str = ""
    """Why it is unreadable, or waits."""
    errors: int = 0
    """How many diagnostics there are in all."""
    diagnostics: list[Diagnostic] = []
    """What is wrong with it: the first ones."""
    outlook: Outlook | None = None
    """None while it is not worked out: only the newest are."""


class PreviewRefs(BaseModel):
    """Refs beside the tracked one, those that moved last first."""

    refs: list[PreviewRef]
    """Those that are looked at."""
    count: int
    """How many are looked at."""
    left_out: int
    """Refs that fit a pattern and are too many to look at, or lead to no commit."""


class HookTaken(BaseModel):
    """What becomes of a webhook."""

    status: Literal["accepted", "ignored"]
    """`ignored`: it is about nothing that moves a ref."""

"""Changes: what the server itself commits to the config repository for those who ask it to."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel

from schema.ids import Commit
from schema.time import Instant


class WriteStatus(StrEnum):
    """What became of a write by the time of its answer."""

    IN_FORCE = "in_force"
    """It is committed, and hosts are brought to it."""
    ACCEPTED = "accepted"
    """It goes on: committed and not yet judged, or still being committed."""
    PROPOSED = "proposed"
    """It is on a branch of its own, since the tracked one is protected or a proposal was asked for."""
    UNCHANGED = "unchanged"
    """There was nothing to change, and no commit was made."""
    FAILED = "failed"
    """It is committed, but something else keeps it from coming into force; `message` says what."""


class Written(BaseModel):
    """The answer to a write."""

    status: WriteStatus
    """What became of it by the time of this answer."""
    commit: Commit | None = None
    """Made for it; of `unchanged`, the tip as it is. None while it is not made yet."""
    branch: str = ""
    """Where the commit is."""
    version: int = 0
    """The sequence of the revision in force by now; of `in_force`, the one that has the change."""
    change_id: str = ""
    """Its record at `/api/v1/changes/{id}`; empty for `unchanged`."""
    message: str = ""
    """What is in the way, in words; empty when nothing is."""


class ChangeState(StrEnum):
    """What is known of a change."""

    BEGUN = "begun"
    """It is on record; whether its commit is in the repository is not known yet."""
    COMMITTED = "committed"
    """Its commit is on the tracked branch."""
    PROPOSED = "proposed"
    """Its commit is on a branch of its own, for review."""
    FAILED = "failed"
    """No ref leads to its commit."""


class ChangeRecord(BaseModel):
    """One change that the server was asked to make."""

    id: str
    """By which `/api/v1/changes/{id}` finds it."""
    kind: str
    """What asked for it: `edit`, `rollback`, `waiver`, `promote`, `drift`, `revert` ..."""
    state: ChangeState
    """What is known of its commit."""
    summary: str
    """First line of the commit's message."""
    reason: str = ""
    """Why it was asked for; empty where nobody said."""
    author: str
    """Name and address in the commit."""
    actor: str
    """Name of whoever asked for it."""
    actor_id: str
    """Id of whoever asked for it."""
    commit: Commit
    """The commit that it makes."""
    base: Commit
    """The tip it was made on."""
    branch: str
    """Where the commit went; empty while it is not known."""
    paths: list[str]
    """What it changes: the first 200."""
    path_count: int
    """How many files it changes."""
    message: str = ""
    """Why it failed, or became a proposal although a commit was asked for."""
    created_at: Instant
    """When it was put on record, which is before its commit is written."""
    ended_at: Instant | None = None
    """When its outcome was known; null while it is not."""


class ChangeList(BaseModel):
    """Changes, newest first."""

    changes: list[ChangeRecord]
    """The changes of this page."""


class CommitSigner(BaseModel):
    """The key by which the server signs the commits it makes."""

    principal: str
    """By which rules of the signing policy name it."""
    name: str
    """Its name as committer."""
    email: str
    """Its address as committer."""
    public_key: str
    """A line of OpenSSH, to be given to a forge."""
    fingerprint: str
    """`SHA256:…` of the key."""
    allowed_signers: str
    """The line for a file that `git verify-commit` reads."""

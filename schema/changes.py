"""Changes: what the server itself commits to the config repository for those who ask it to."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel

from schema.ids import Commit
from schema.time import Instant


class WriteStatus(StrEnum):
    """What became of a write by the time of its answer."""

    IN_FORCE = "in_force"
    ACCEPTED = "accepted"  # it goes on: committed and not yet judged, or still being committed
    PROPOSED = "proposed"  # on a branch of its own, since the tracked one is protected or a proposal was asked for
    UNCHANGED = "unchanged"  # there was nothing to change, and no commit was made
    FAILED = "failed"  # committed, but something else keeps it from coming into force; `message` says what


class Written(BaseModel):
    """The answer to a write."""

    status: WriteStatus
    commit: Commit | None = None
    """Made for it; of `unchanged`, the tip as it is. None while it is not made yet."""
    branch: str = ""
    """Where the commit is."""
    version: int = 0
    """The sequence of the revision in force by now; of `in_force`, the one that has the change."""
    change_id: str = ""
    """Its record at `/api/v1/changes/{id}`; empty for `unchanged`."""
    message: str = ""


class ChangeState(StrEnum):
    """What is known of a change."""

    BEGUN = "begun"  # on record; whether its commit is in the repository is not known yet
    COMMITTED = "committed"
    PROPOSED = "proposed"
    FAILED = "failed"  # no ref leads to its commit


class ChangeRecord(BaseModel):
    """One change that the server was asked to make."""

    id: str
    kind: str
    """What asked for it: `edit`, `rollback`, `waiver`, `promote`, `drift`, `revert` ..."""
    state: ChangeState
    summary: str
    reason: str = ""
    author: str
    """Name and address in the commit."""
    actor: str
    actor_id: str
    commit: Commit
    base: Commit
    """The tip it was made on."""
    branch: str
    paths: list[str]
    """What it changes: the first 200."""
    path_count: int
    message: str = ""
    """Why it failed, or became a proposal although a commit was asked for."""
    created_at: Instant
    ended_at: Instant | None = None


class ChangeList(BaseModel):
    """Changes, newest first."""

    changes: list[ChangeRecord]


class CommitSigner(BaseModel):
    """The key by which the server signs the commits it makes."""

    principal: str
    name: str
    email: str
    """As committer."""
    public_key: str
    fingerprint: str
    allowed_signers: str
    """The line for a file that `git verify-commit` reads."""

"""What the core keeps of one connected envoy, and what can be said of it without the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from reconciler.loop.effects import Assign, Push
from reconciler.ports import Assigned, Desired, Order
from schema.errors import Next

REFUSALS: Final[Mapping[str, Next]] = {
    # The envoy has seen a newer one than this server knows of: counting up until it takes one would hide that.
    "rollback": Next.NEVER,
    "foreign": Next.NEVER,
    "format": Next.ON_COMMIT,
    "size": Next.ON_COMMIT,
}
"""What follows an envoy's refusal, by its code; all else is tried again with back-off and a new assignment.
`unapproved` too: the approval may come, or the plan that proves it be at hand again."""

Key = tuple[str, str, str]
"""Catalog, versions of secrets and plan: in these terms two assignments are the same."""


class UnderWay(NamedTuple):
    """An effect that is not answered yet, and until when it is awaited (monotonic seconds)."""

    effect: Assign | Push
    deadline: float


class Need(StrEnum):
    """What an envoy is waiting for."""

    NOTHING = "nothing"  # it holds, or was handed, what it is to be
    ASSIGN = "assign"
    PUSH = "push"
    HELD = "held"  # on hold, or not yet released to anything: it keeps what it has
    UNMATCHED = "unmatched"  # no match block applies: it keeps what it has
    STALLED = "stalled"  # something else has to change first


@dataclass(slots=True)
class Envoy:
    """One connected envoy."""

    id: str
    hostname: str
    connection: int
    connected: bool = True
    commit: str | None = None
    """What it is to be is what this means for it."""
    plan_root: str = ""
    """Of that commit."""
    desired: Desired | None = None
    held: bool = False
    """Nothing new is for it now: what it holds is renewed, and that is all."""
    followed: str | None = None
    """The commit that is to be at hand for it."""
    assigned: Assigned | None = None
    applied: Order | None = None
    renew_at: int = 0
    refused: str = ""
    """Digest of the assignment it refused."""
    stalled_by: str = ""
    """Why there is no point in trying again."""
    stalled_key: Key | None = None
    """What it was about: anything else is tried."""
    stalled_for_good: bool = False
    attempts: int = 0
    not_before: float = 0.0
    sent: Order | None = None
    sends: int = 0
    acknowledge_by: float = 0.0


def is_ahead(envoy: Envoy) -> bool:
    """Whether the envoy has seen a past that the store has lost: it would refuse all that could be made for it."""
    return envoy.applied is not None and envoy.assigned is not None and envoy.applied > envoy.assigned.order


def is_answer(effect: Assign | Push, assigned: Assigned) -> bool:
    """Whether this is what was asked for, and not the late or repeated answer to what was asked for before."""
    return isinstance(effect, Assign) and (
        effect.commit,
        effect.desired.catalog_sha256,
        effect.plan_root,
        effect.secrets_key,
    ) == (assigned.commit, assigned.catalog_sha256, assigned.plan_root, assigned.secrets_key)

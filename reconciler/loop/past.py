"""What the store knows of rollouts when the loop starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.rollout.terms import Verdict
from schema.progress import Asked, Progress
from schema.rollouts import RolloutPlan


@dataclass(frozen=True, slots=True)
class Kept:
    """A rollout as the store has it."""

    id: int
    commit: str
    plan: RolloutPlan | None
    """None while there is none yet, and where everybody is in one wave."""
    progress: Progress
    version: int = 0
    """Of `progress`."""
    everyone: bool = True
    asked: Asked = field(default_factory=Asked)
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    """Hosts of the plan that are no more."""


@dataclass(frozen=True, slots=True)
class Past:
    """What the store knows of rollouts, at start."""

    proven: str | None = None
    """The commit of the last one that is through."""
    since: frozenset[str] = frozenset()
    """The commits of those that came after it."""
    current: Kept | None = None
    """The newest."""

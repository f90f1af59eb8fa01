"""What the store knows of rollouts when the loop starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.loop.moments import Moment
from reconciler.rollout.execution import Execution
from reconciler.rollout.terms import Patience, Verdict
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

    def resumed(self, plan: RolloutPlan, *, now: Moment, patience: Patience) -> Execution:
        """It goes on where the store says it is.

        Args:
            plan: of everybody, where they are in one wave.
        """
        rollout = Execution(
            self.plan or plan,
            now=now,
            patience=patience,
            everyone=self.everyone,
            progress=self.progress,
            version=self.version,
            asked=self.asked,
            verdicts=self.verdicts,
        )
        for hostname in self.gone:
            rollout.removed(hostname)
        return rollout


@dataclass(frozen=True, slots=True)
class Past:
    """What the store knows of rollouts, at start."""

    proven: str | None = None
    """The commit of the last one that is through."""
    since: frozenset[str] = frozenset()
    """The commits of those that came after it."""
    current: Kept | None = None
    """The newest."""

"""Effects: what the core wants done. Each is answered by an event, or by `Faulted` with the effect itself.

| effect | done | otherwise |
|---|---|---|
| `Compile` | `Compiled` | `CompileFailed`, `Diverged`, `Untrusted`, `Faulted` |
| `Abandon`, `Retain`, `WakeAt` | not answered | |
| `PutInForce` | `InForce` | `Faulted` |
| `RecordFailure` | `Recorded` | `Faulted` |
| `Assign` | `AssignmentMade` | `Faulted` |
| `Push` | `Pushed` | `Faulted` |
| `PlanRollout` | `RolloutPlanned` | `Faulted` |
| `KeepRollout` | `RolloutKept` | `Faulted` |
| `CheckHealth` | `HealthChecked` | `Faulted` |
| `Probe` | `Probed` | `Faulted` |
| `GoBack` | `WentBack` | `Faulted` |
| `Recall` | `Recalled` | `Faulted` |

`PutInForce` and `RecordFailure` are given one at a time, since the record tells by its order what is newest; all else
may be under way side by side. An answer that never comes is a fault after the time of `Limits`; one that comes later
than that does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.ports import Desired, Order, Plan
from schema.diagnostics import Diagnostic
from schema.progress import Progress
from schema.revisions import RevisionState
from schema.rollouts import HealthCheck, RolloutPlan


@dataclass(frozen=True, slots=True)
class Compile:
    """Compile a commit, in the background. With a `base` that it does not descend from, answer `Diverged` instead;
    a secret that does not exist is one of the diagnostics of `CompileFailed`."""

    commit: str
    base: str | None
    restore: bool = False
    """It was in force before: only its graph is missing."""


@dataclass(frozen=True, slots=True)
class Abandon:
    """A compile has run out of time: stop it if that can be done. Its answer is not waited for."""

    commit: str


@dataclass(frozen=True, slots=True)
class PutInForce:
    """Sign the plan's catalogs and have them at hand; then record the commit as in force; answer when that is durable.
    May be asked again for the commit that is in force already."""

    plan: Plan
    restore: bool = False
    """It is on record already, and so may be a newer one that failed: only have its catalogs at hand."""

    @property
    def commit(self) -> str:
        """Of the plan."""
        return self.plan.commit


@dataclass(frozen=True, slots=True)
class RecordFailure:
    """Record why a commit does not come into force: `FAILED`, `DIVERGED` or `UNTRUSTED`. What is in force stays."""

    commit: str
    state: RevisionState
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Assign:
    """Make the next assignment of one envoy, durable before the answer: see `ports.Assignments.assign`."""

    envoy_id: str
    hostname: str
    commit: str
    plan_root: str
    desired: Desired
    secrets: tuple[tuple[str, int], ...]
    """Name and version of each secret to seal."""
    secrets_key: str
    """Digest of `secrets`, to be kept with the assignment; empty where there are none."""


@dataclass(frozen=True, slots=True)
class Push:
    """Hand an envoy the assignment of this order, or a newer one that the store holds by now."""

    envoy_id: str
    order: Order


@dataclass(frozen=True, slots=True)
class PlanRollout:
    """Make a plan of how the commit in force reaches the hosts: see `reconciler.rollout.planning`. What each host is
    released to is told by its newest assignment; none is being made meanwhile."""

    commit: str
    rollout_id: int
    proven: str | None
    """What hosts are released to by default,"""
    since: frozenset[str]
    """but for those whose newest assignment is of one of these commits: those are released to that."""


@dataclass(frozen=True, slots=True)
class KeepRollout:
    """Write down how far a rollout is. An older version never takes the place of a newer one."""

    rollout_id: int
    version: int
    plan: RolloutPlan
    progress: Progress


@dataclass(frozen=True, slots=True)
class CheckHealth:
    """Ask whether all is well after a wave, as often and as patiently as its checks say."""

    rollout_id: int
    wave: int
    checks: tuple[HealthCheck, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """Have an envoy run the command of a health check, and wait for what comes of it: as long as the check gives it,
    and a little longer. Asked again with the same id, it is not run again."""

    envoy_id: str
    hostname: str
    rollout_id: int
    id: str
    """Of this attempt, within the rollout."""
    commit: str
    plan_root: str
    catalog_sha256: str
    """What the envoy holds: what it says of anything else says nothing of the rollout."""
    check: HealthCheck


@dataclass(frozen=True, slots=True)
class GoBack:
    """Take the change from `base` to `commit` back by a commit, if nothing came after it."""

    rollout_id: int
    commit: str
    base: str
    why: str


@dataclass(frozen=True, slots=True)
class Recall:
    """Compile a commit that was in force before, in the background, and have its catalogs at hand."""

    commit: str


@dataclass(frozen=True, slots=True)
class Retain:
    """These commits are to be at hand; all others may be let go. Replaces every earlier one."""

    commits: frozenset[str]


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Send `Tick` at this monotonic second. Replaces every earlier one."""

    mono: float


Answered = (
    Compile
    | PutInForce
    | RecordFailure
    | Assign
    | Push
    | PlanRollout
    | KeepRollout
    | CheckHealth
    | Probe
    | GoBack
    | Recall
)
"""Effects of which the answer is awaited."""

Effect = Answered | Abandon | Retain | WakeAt

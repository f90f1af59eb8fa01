"""Events: what happened. Any of them may come late, twice or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.holds import Holds
from reconciler.loop.effects import Answered
from reconciler.ports import Assigned, Order, Plan
from reconciler.rollout.probing import Answer
from schema.diagnostics import Diagnostic
from schema.errors import Exhausted, Fault, Next
from schema.progress import Asked
from schema.protocol.reports import RunStatus
from schema.rollouts import RolloutPlan


@dataclass(frozen=True, slots=True)
class RefMoved:
    """The tracked ref names this commit. May be told again, and may go back."""

    commit: str


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """The tracked ref cannot be read for now; the watcher goes on trying by itself."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """The tracked ref can be read, whether or not it moved."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A commit compiled without an error."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class CompileFailed:
    """A commit has errors."""

    commit: str
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Diverged:
    """A commit does not descend from the one in force: the ref was rewound, or another history was pushed."""

    commit: str
    base: str


@dataclass(frozen=True, slots=True)
class Untrusted:
    """A commit, or one that comes with it, is not signed or approved as the policy asks."""

    commit: str
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class InForce:
    """A commit is recorded as in force and its catalogs are at hand."""

    commit: str
    rollout_id: int = 0
    """Of the rollout that began with it, in the same transaction."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A failure is on record."""

    commit: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """An operator takes a commit although it does not descend from the one in force."""

    commit: str


@dataclass(frozen=True, slots=True)
class Reload:
    """Somebody asks for the tip to be judged anew, also when it failed."""


@dataclass(frozen=True, slots=True)
class EnvoyConnected:
    """An envoy said hello. Its `welcome` carried the assignment given here, where there is one."""

    envoy_id: str
    hostname: str
    connection: int
    """Grows with each connection of the server: a goodbye from an older one is told apart by it."""
    applied: Order | None
    """What it holds."""
    assigned: Assigned | None
    """The newest in the store."""
    carried: bool = True
    """Whether the `welcome` carried it; not when its catalog was not at hand."""


@dataclass(frozen=True, slots=True)
class EnvoyDisconnected:
    """A connection is gone."""

    envoy_id: str
    connection: int


@dataclass(frozen=True, slots=True)
class EnvoyRemoved:
    """An envoy is deregistered or revoked."""

    envoy_id: str


@dataclass(frozen=True, slots=True)
class AssignmentMade:
    """An assignment is durable."""

    envoy_id: str
    assigned: Assigned


@dataclass(frozen=True, slots=True)
class Pushed:
    """An envoy's connection has taken an assignment. Whether the envoy does, its report will say."""

    envoy_id: str
    order: Order


@dataclass(frozen=True, slots=True)
class Reported:
    """An envoy ran under an assignment, so it has accepted it, unless `status` is `refused`."""

    envoy_id: str
    order: Order
    assignment_sha256: str
    commit: str
    status: RunStatus
    dry_run: bool = False
    stale: bool = False


@dataclass(frozen=True, slots=True)
class RefusedByEnvoy:
    """An envoy did not accept an assignment, and why: a code of `messages.Refused`."""

    envoy_id: str
    assignment_sha256: str
    code: str


@dataclass(frozen=True, slots=True)
class SecretsChanged:
    """Secrets that have another version now; None for one that is gone."""

    versions: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class HoldsChanged:
    """These are the holds now, all of them."""

    holds: Holds


@dataclass(frozen=True, slots=True)
class RolloutPlanned:
    """A plan is made of how the commit in force reaches the hosts."""

    commit: str
    plan: RolloutPlan


@dataclass(frozen=True, slots=True)
class RolloutKept:
    """How far a rollout is, is on record."""

    rollout_id: int
    version: int


@dataclass(frozen=True, slots=True)
class RolloutAsked:
    """What people have asked of a rollout, all of it."""

    rollout_id: int
    asked: Asked


@dataclass(frozen=True, slots=True)
class HealthChecked:
    """The health after a wave is known."""

    rollout_id: int
    wave: int
    failed: str
    """What is not well; empty when all is."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of the command of a health check on a host."""

    rollout_id: int
    hostname: str
    id: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class WentBack:
    """A change is taken back by a commit."""

    rollout_id: int
    commit: str


@dataclass(frozen=True, slots=True)
class Recalled:
    """A commit that was in force before is at hand again."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Faulted:
    """An effect could not be performed."""

    effect: Answered
    code: str
    message: str
    next: Next
    retry_after_s: float | None = None

    @classmethod
    def of(cls, effect: Answered, fault: Fault) -> Faulted:
        """The event for a fault."""
        after = fault.retry_after_s if isinstance(fault, Exhausted) else None
        return cls(effect, fault.code, fault.message, fault.next, after)


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed: the answer to `WakeAt`."""


Event = (
    RefMoved
    | FetchFailed
    | Fetched
    | Compiled
    | CompileFailed
    | Diverged
    | Untrusted
    | InForce
    | Recorded
    | Accepted
    | Reload
    | EnvoyConnected
    | EnvoyDisconnected
    | EnvoyRemoved
    | AssignmentMade
    | Pushed
    | Reported
    | RefusedByEnvoy
    | SecretsChanged
    | HoldsChanged
    | RolloutPlanned
    | RolloutKept
    | RolloutAsked
    | HealthChecked
    | Probed
    | WentBack
    | Recalled
    | Faulted
    | Tick
)

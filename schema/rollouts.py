"""Rollouts: how one revision reaches the hosts that it changes: waves, their conditions, and what became of them.

A plan is a pure function of two revisions and the hosts (`reconciler.rollout.planning`). Its waves are disjoint; with
the hosts that do not change, and those that no match block applies to any more, they are all hosts.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from schema.documents.rollout import Window as Window
from schema.ids import Commit, Hostname, Sha256

MAX_NAMED: Final = 50
"""Hosts that a violation or a class names; of the others it tells how many."""
MAX_VIOLATIONS: Final = 100
MAX_CLASSES: Final = 1_000
MAX_SHOWN: Final = 200
"""Classes that a preview shows."""
DEFAULT_BUDGET: Final = "10%"

Amount = Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=r"^(100|[1-9]?[0-9])%$")]
"""A number of hosts, or a share of them: `25%`."""


class RolloutState(StrEnum):
    """What a rollout is at."""

    PLANNED = "planned"
    """It is planned, and nothing has begun."""
    AWAITING_APPROVAL = "awaiting_approval"
    """Nobody has approved this plan yet."""
    RUNNING = "running"
    """Hosts are released, wave by wave."""
    PAUSED = "paused"
    """A person has paused it: what was released goes on, and no further host follows."""
    STOPPED = "stopped"
    """A wave has failed."""
    BLOCKED = "blocked"
    """An invariant would not hold: nothing has begun."""
    CANCELLED = "cancelled"
    """A person or a newer commit has ended it: no further host follows."""
    DONE = "done"
    """All waves are through."""
    REVERTING = "reverting"
    """A wave failed, and the commit that takes the change back is being made."""
    REVERTED = "reverted"
    """The commit that takes the change back is made and has a rollout of its own."""


class WaveState(StrEnum):
    """What a wave is at."""

    WAITING = "waiting"
    """It waits for the waves before it."""
    AWAITING_APPROVAL = "awaiting_approval"
    """People have to approve it first."""
    AWAITING_WINDOW = "awaiting_window"
    """It waits for one of its windows to open."""
    RUNNING = "running"
    """Its hosts are released, as many at once as it allows."""
    CHECKING = "checking"
    """Its hosts have answered; its health checks are under way."""
    PAUSED = "paused"
    """It is in the pause behind it."""
    DONE = "done"
    """It is through."""
    FAILED = "failed"
    """More of its hosts failed than may, or a health check did."""
    CANCELLED = "cancelled"
    """The rollout ended before it was through."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HealthCheck(_Frozen):
    """What must be well before the next wave begins: an address that answers, or a command on each host of the wave."""

    url: str | None = None
    """Asked by the server with GET."""
    command: tuple[str, ...] | None = None
    """Run on each host of the wave by its agent, once the host has converged."""
    status: int | None = None
    """The answer that is well; any of 200 to 299 when None."""
    returns: tuple[int, ...] = (0,)
    """The exit codes of a command that are well."""
    timeout_s: int = 10
    """Seconds that one attempt may take."""
    attempts: int = 3
    """So many failures in a row, and the check has failed."""
    interval_s: int = 10
    """Seconds between two attempts."""

    @property
    def patience_s(self) -> int:
        """How long all its attempts take at most."""
        return self.attempts * (self.timeout_s + self.interval_s)


class PlannedWave(_Frozen):
    """One wave of a plan."""

    index: int
    """In the plan, counted from 0."""
    name: str
    """As `rollout.vgo` calls it; `all` where nothing plans, `rest` for whoever is in no wave."""
    hosts: tuple[Hostname, ...]
    """Sorted; never empty."""
    canary: bool = False
    """Whether its hosts were chosen as canaries: a few of each kind of change."""
    pause_s: int = 0
    """Seconds to wait after it."""
    approvals: int = 0
    """People who must approve before it begins."""
    health: tuple[HealthCheck, ...] = ()
    """What must be well before the next wave begins."""
    max_in_flight: int | None = None
    """Hosts that are at it at once; None: all of them."""
    failure_budget: Amount = DEFAULT_BUDGET
    """Hosts that may fail before the rollout stops: a number, or a share of the wave."""
    windows: tuple[Window, ...] = ()
    """It begins, and reaches further hosts, while one of these is open; at any time when there is none."""

    @cached_property
    def urls(self) -> tuple[HealthCheck, ...]:
        """The health checks that the server asks for behind the wave."""
        return tuple(check for check in self.health if check.url is not None)

    @cached_property
    def commands(self) -> tuple[HealthCheck, ...]:
        """The health checks that each of its hosts carries out."""
        return tuple(check for check in self.health if check.command is not None)

    @property
    def max_failures(self) -> int:
        """How many of its hosts may fail before the rollout stops."""
        return amount_of(self.failure_budget, len(self.hosts))


class DeltaClass(_Frozen):
    """Hosts for which the same changes."""

    id: Sha256
    """Over what changes; the same for the same two revisions."""
    title: str
    """In a few words: `nginx changed, logrotate added`."""
    count: int
    """Hosts of the class."""
    systems: dict[str, int]
    """Operating system → hosts of it; empty text for those that have not said."""
    canaries: tuple[Hostname, ...] = ()
    """Those of its hosts that are in the canary wave."""
    hosts: tuple[Hostname, ...]
    """The first ones by name."""
    left_out: int = 0
    """Hosts that are not named."""


class Violation(_Frozen):
    """A state of the fleet that the plan allows and an invariant does not: the counterexample."""

    invariant: str
    """Its name in `invariants.vgo`."""
    message: str
    """In the words of who wrote the invariant, or made of it."""
    wave: str | None
    """During which it may come about; None: when the rollout is through."""
    wave_index: int | None = None
    """The same wave in the plan, counted from 0; null when the rollout is through."""
    group: str
    """`vars.datacentre = fra1`; empty for the whole fleet."""
    bound: str
    """What the invariant asks for: `at least 2`."""
    count: int
    """How many hosts it would be then."""
    of: int
    """Hosts of the group then."""
    new: tuple[Hostname, ...] = ()
    """Hosts that have the new revision then, of those that matter."""
    new_left_out: int = 0
    """How many more hosts have the new revision then."""
    old: tuple[Hostname, ...] = ()
    """Hosts that have the old one then, of those that matter."""
    old_left_out: int = 0
    """How many more hosts have the old one then."""
    file: str = ""
    """Where the invariant is written."""
    line: int = 0
    """In the file, counted from 1; 0 where it is not known."""

    def __str__(self) -> str:
        where = f" of {self.group}" if self.group else ""
        when = f"during the wave {self.wave}" if self.wave is not None else "when all is done"
        return f"{self.invariant}: {self.count}{where} {when}, not {self.bound}: {self.message}"


class RolloutPlan(_Frozen):
    """How one revision is to reach the hosts that it changes."""

    commit: Commit | None
    """None for files as they stand in a directory."""
    base: Commit | None
    """What most of these hosts are released to now; None where they have nothing."""
    plan_root: str
    """Of the target: an approval that names it binds exactly what the hosts are to be."""
    waves: tuple[PlannedWave, ...]
    """Without empty ones; none where nothing changes for anybody."""
    unchanged: int
    """Hosts whose catalog stays as it is; in no wave."""
    unmatched: int = 0
    """Hosts that no match block applies to any more: nothing is sent to them; in no wave."""
    on_failure: Literal["stop", "revert"] = "stop"
    """When a wave fails: stop there, or make a commit that takes the change back."""
    require_approval: bool = False
    """Whether nothing reaches any host before the plan is approved."""
    approvals: int = 1
    """People who must approve the plan, with `require_approval`."""
    violations: tuple[Violation, ...] = ()
    """Invariants that would not hold on the way; with any, nothing begins."""
    violations_left_out: int = 0
    """How many more violations there are."""
    classes: tuple[DeltaClass, ...] = ()
    """Only where canaries are chosen, or somebody asked."""
    classes_left_out: int = 0
    """How many more classes there are."""

    @cached_property
    def count(self) -> int:
        """Hosts that change."""
        return sum(len(wave.hosts) for wave in self.waves)

    def hosts(self) -> Iterator[str]:
        """Those that change, wave by wave."""
        for wave in self.waves:
            yield from wave.hosts


class PreviewedWave(_Frozen):
    """One wave of a plan that nobody has begun."""

    name: str
    """As `rollout.vgo` calls it; `all` where nothing plans, `rest` for whoever is in no wave."""
    count: int
    """Hosts of the wave."""
    hosts: tuple[Hostname, ...]
    """The first ones by name."""
    left_out: int = 0
    """Hosts that are not named."""
    canary: bool
    """Whether its hosts were chosen as canaries: a few of each kind of change."""
    pause_s: int
    """Seconds to wait after it."""
    approvals: int
    """People who must approve before it begins."""
    health: tuple[HealthCheck, ...]
    """What must be well before the next wave begins."""
    max_in_flight: int | None
    """Hosts that are at it at once; null for all of them."""
    max_failures: int
    """How many of its hosts may fail before the rollout stops."""
    windows: tuple[Window, ...]
    """It begins, and reaches further hosts, while one of these is open; at any time when there is none."""


class PlanPreview(_Frozen):
    """How a revision would reach the hosts, if it came into force now."""

    commit: Commit | None
    """None for files as they stand in a directory."""
    base: Commit | None
    """What most of these hosts are released to now."""
    plan_root: str
    """Digest over what every host is to be: an approval that names it binds exactly this plan."""
    count: int
    """Hosts that would change."""
    unchanged: int
    """Hosts whose catalog stays as it is."""
    unmatched: int
    """Hosts that no match block would apply to: they keep what they have."""
    waves: tuple[PreviewedWave, ...]
    """In the order in which they would come."""
    on_failure: Literal["stop", "revert"]
    """When a wave fails: stop there, or make a commit that takes the change back."""
    require_approval: bool
    """Whether nothing would reach any host before the plan is approved."""
    approvals: int
    """People who must approve the plan, with `require_approval`."""
    violations: tuple[Violation, ...]
    """Invariants that would not hold on the way; with any, nothing begins."""
    violations_left_out: int
    """How many more violations there are."""
    classes: tuple[DeltaClass, ...]
    """Hosts for which the same changes."""
    classes_left_out: int
    """How many more classes there are."""

    @classmethod
    def of(cls, plan: RolloutPlan) -> Self:
        """A plan without most of its host names."""
        return cls(
            commit=plan.commit,
            base=plan.base,
            plan_root=plan.plan_root,
            count=plan.count,
            unchanged=plan.unchanged,
            unmatched=plan.unmatched,
            waves=tuple(
                PreviewedWave(
                    name=wave.name,
                    count=len(wave.hosts),
                    hosts=wave.hosts[:MAX_NAMED],
                    left_out=max(0, len(wave.hosts) - MAX_NAMED),
                    canary=wave.canary,
                    pause_s=wave.pause_s,
                    approvals=wave.approvals,
                    health=wave.health,
                    max_in_flight=wave.max_in_flight,
                    max_failures=wave.max_failures,
                    windows=wave.windows,
                )
                for wave in plan.waves
            ),
            on_failure=plan.on_failure,
            require_approval=plan.require_approval,
            approvals=plan.approvals,
            violations=plan.violations,
            violations_left_out=plan.violations_left_out,
            classes=plan.classes[:MAX_SHOWN],
            classes_left_out=plan.classes_left_out + max(0, len(plan.classes) - MAX_SHOWN),
        )


def amount_of(amount: int | str, of: int) -> int:
    """A number of hosts, or the share of so many, rounded down."""
    if isinstance(amount, int):
        return amount
    return of * int(amount.removesuffix("%")) // 100

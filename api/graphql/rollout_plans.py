"""Plans of rollouts: waves with their conditions and hosts, and what an invariant has against them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import strawberry

from api.graphql.context import Info, computed, guarded
from api.graphql.paging import After, First, cursor, page_size, position
from api.graphql.shown import shown
from schema.access import Permission
from schema.rollouts import HealthCheck, PlannedWave, RolloutPlan, Violation, Window


@shown(HealthCheck)
class HealthCheckType:
    url: str | None = strawberry.field(description="Asked by the server with GET.")
    command: list[str] | None = strawberry.field(description="Run on each host of the wave.")
    status: int | None
    returns: list[int]
    timeout_s: int
    attempts: int
    interval_s: int


@shown(Window, name="RolloutWindow")
class WindowType:
    days: list[str]
    hours: str
    zone: str


class WaveHosts(NamedTuple):
    """A page, and where the next begins."""

    nodes: Sequence[str]
    end_cursor: str | None


@strawberry.type(name="WaveHostPage", description="Hosts of a wave, by hostname.")
class WaveHostPageType:
    nodes: list[str] = strawberry.field(description="Names of the hosts of this page.")
    end_cursor: str | None = strawberry.field(description="Give it as `after` for those behind; null at the end.")


@shown(PlannedWave)
class PlannedWaveType:
    index: int
    name: str
    canary: bool
    pause_s: int
    approvals: int
    health: list[HealthCheckType]
    max_in_flight: int | None
    max_failures: int = strawberry.field(description="How many of its hosts may fail before the rollout stops.")
    windows: list[WindowType]

    @computed
    def failure_budget(self: PlannedWave) -> str:
        """A number of hosts, or a share of them."""
        return str(self.failure_budget)

    @computed
    def host_count(self: PlannedWave) -> int:
        """How many hosts it has."""
        return len(self.hosts)

    @guarded(Permission.FLEET_READ, graphql_type=WaveHostPageType)
    def wave_hosts(self: PlannedWave, info: Info, first: First = 50, after: After = None) -> WaveHosts:  # noqa: ARG002 - strawberry's
        """Its hosts, by hostname."""
        size, mark = page_size(first), position(after)
        behind = self.hosts if mark is None else self.hosts[bisect_right(self.hosts, mark) :]
        return WaveHosts(behind[:size], cursor(behind[size - 1]) if len(behind) > size else None)


@shown(Violation, name="RolloutViolation")
class ViolationType:
    invariant: str
    message: str
    wave: str | None
    wave_index: int | None
    group: str
    bound: str
    count: int
    of: int
    new: list[str]
    new_left_out: int
    old: list[str]
    old_left_out: int
    file: str
    line: int


@shown(RolloutPlan)
class PlanType:
    commit: str | None
    base: str | None
    plan_root: str
    waves: list[PlannedWaveType]
    unchanged: int
    unmatched: int
    on_failure: str
    require_approval: bool
    approvals: int
    violations: list[ViolationType]
    violations_left_out: int

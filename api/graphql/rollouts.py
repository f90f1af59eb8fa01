"""Rollouts: how far each is, wave by wave."""

from __future__ import annotations

import strawberry

from api.graphql.context import Info, guarded
from api.graphql.paging import Before, First, page_size
from api.graphql.rollout_plans import PlanType
from api.graphql.scalars import Time
from api.services import rollouts
from schema.access import Permission
from schema.progress import Rollout
from schema.rollouts import RolloutState, WaveState

strawberry.enum(RolloutState, name="RolloutState", description="What a rollout is at.")
strawberry.enum(WaveState, name="WaveState", description="What a wave is at.")


@strawberry.type(name="WaveProgress", description="How far one wave is. Counts are hosts.")
class WaveProgressType:
    index: int
    name: str
    state: WaveState
    why: str
    began_at: Time | None
    ended_at: Time | None
    pause_until: Time | None
    hosts: int
    released: int
    healthy: int
    checking: int
    failed: int
    silent: int
    offline: int
    held: int


@strawberry.type(name="FailedResource", description="A resource that failed on a host.")
class FailedResourceType:
    id: str
    message: str


@strawberry.type(name="FailedCheck", description="The command of a health check that did not end well on a host.")
class FailedCheckType:
    command: str
    code: int | None
    output: str


@strawberry.type(name="HostFailure", description="A host that failed in a rollout.")
class HostFailureType:
    hostname: str
    wave: int
    why: str
    at: Time
    resources: list[FailedResourceType]
    resources_left_out: int
    check: FailedCheckType | None


@strawberry.type(name="RolloutApproval", description="That a person has approved a wave, or a plan as a whole (-1).")
class ApprovalType:
    wave: int
    name: str
    plan_root: str
    at: Time


@strawberry.type(name="RolloutProgress", description="How far a rollout is.")
class ProgressType:
    waves: list[WaveProgressType]
    failures: list[HostFailureType]
    failures_left_out: int
    went_back_to: str | None


@strawberry.type(name="Rollout", description="How one revision reaches the hosts that it changes.")
class RolloutType:
    id: int
    commit: str
    plan_root: str
    state: RolloutState
    why: str
    everyone: bool
    author: str
    began_at: Time
    ended_at: Time | None
    progress: ProgressType
    approvals: list[ApprovalType]
    plan: PlanType | None = strawberry.field(
        description="Null in lists, until it is made, and where everybody is in one wave that nothing plans."
    )


@strawberry.type
class RolloutQueries:
    """Root fields of rollouts."""

    @guarded(Permission.FLEET_READ, graphql_type=list[RolloutType])
    def rollouts(self, info: Info, first: First = 20, before: Before = None) -> list[Rollout]:
        """Rollouts, newest first; `before` gives those of a lower id."""
        return rollouts.page(info.context.work, before=before, limit=page_size(first)).rollouts

    @guarded(Permission.FLEET_READ, graphql_type=RolloutType)
    def rollout(self, info: Info, id: int) -> Rollout:  # noqa: A002 - the API's word
        """One rollout: its plan with the hosts of each wave, how far each is, which hosts failed and in what."""
        return rollouts.get(info.context.work, id)

"""Rollouts: how far each is, wave by wave."""

from __future__ import annotations

from typing import Annotated

import strawberry

from api.graphql.context import Info, guarded
from api.graphql.paging import Before, First, page_size
from api.graphql.rollout_plans import PlanType
from api.graphql.scalars import Time
from api.graphql.shown import shown
from api.services import rollouts
from schema.access import Permission
from schema.progress import Approval, FailedCheck, FailedResource, HostFailure, Progress, Rollout, WaveProgress
from schema.rollouts import RolloutState, WaveState

strawberry.enum(RolloutState)
strawberry.enum(WaveState)


@shown(WaveProgress)
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


@shown(FailedResource)
class FailedResourceType:
    id: str
    message: str


@shown(FailedCheck)
class FailedCheckType:
    command: str
    code: int | None
    output: str


@shown(HostFailure)
class HostFailureType:
    hostname: str
    wave: int
    why: str
    at: Time
    resources: list[FailedResourceType]
    resources_left_out: int
    check: FailedCheckType | None


@shown(Approval, name="RolloutApproval")
class ApprovalType:
    wave: int
    name: str
    plan_root: str
    at: Time


@shown(Progress, name="RolloutProgress")
class ProgressType:
    waves: list[WaveProgressType]
    failures: list[HostFailureType]
    failures_left_out: int
    went_back_to: str | None


@shown(Rollout)
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
    plan: PlanType | None


@strawberry.type
class RolloutQueries:
    """Root fields of rollouts."""

    @guarded(Permission.FLEET_READ, graphql_type=list[RolloutType])
    def rollouts(self, info: Info, first: First = 20, before: Before = None) -> list[Rollout]:
        """Rollouts, newest first; `before` gives those of a lower id."""
        return rollouts.page(info.context.work, before=before, limit=page_size(first)).rollouts

    @guarded(Permission.FLEET_READ, graphql_type=RolloutType)
    def rollout(
        self,
        info: Info,
        id: Annotated[int, strawberry.argument(description="Of the rollout.")],  # noqa: A002 - the API's word
    ) -> Rollout:
        """One rollout: its plan with the hosts of each wave, how far each is, which hosts failed and in what."""
        return rollouts.get(info.context.work, id)

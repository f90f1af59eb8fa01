"""Rollouts over REST: how far each is, and what people ask of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.http.areas import Area, Call
from api.services import rollouts
from api.services.work import Work
from reconciler.repository.faults import RepositoryDamaged, RevisionNotFound, TreeRefused
from schema.access import Permission
from schema.progress import MAX_PAGE, Rollout, RolloutList

area = Area("rollouts")

RolloutId = Annotated[str, Field(max_length=20, description="The rollout's number.")]
_OPEN = [rollouts.RolloutNotFound, rollouts.RolloutOver]


@area("GET", "/api/v1/rollouts", Permission.FLEET_READ)
def list_rollouts(
    work: Work,
    before: Annotated[int, Field(ge=1, le=2**53)] | None = None,
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50,
) -> RolloutList:
    """List rollouts, newest first, without their plans; `next_before` leads to the next page.

    Args:
        before: an id: rollouts of a lower one.
        limit: how many at most.
    """
    return rollouts.page(work, before=before, limit=limit)


@area("GET", "/api/v1/rollouts/{rollout_id}", Permission.FLEET_READ, raises=[rollouts.RolloutNotFound])
def get_rollout(work: Work, rollout_id: RolloutId) -> Rollout:
    """One rollout: its plan, how far each wave is, which hosts failed and in which resources."""
    return rollouts.get(work, rollouts.numbered(rollout_id))


@area(
    "POST",
    "/api/v1/rollouts/{rollout_id}/approve",
    Permission.CONFIG_PUBLISH,
    raises=[
        *_OPEN,
        rollouts.NoSuchWave,
        rollouts.NothingToApprove,
        rollouts.OtherPlan,
        rollouts.OwnCommit,
        rollouts.NoAccount,
        RevisionNotFound,
        RepositoryDamaged,
        TreeRefused,
    ],
)
async def approve_rollout(
    call: Call,
    rollout_id: RolloutId,
    wave: Annotated[int, Field(ge=0, le=1_000)] | None = None,
    plan_root: Annotated[str, Field(max_length=64)] | None = None,
) -> Rollout:
    """Approve the plan, or with `wave` that one of it.

    The same person counts once. Whoever wrote or signed any commit that the rollout brings cannot approve it.

    With `plan_root` only if that is what would be rolled out: what was looked at, and nothing else.

    Args:
        wave: the index of a wave; the whole plan when not given.
        plan_root: what was looked at: approve nothing else.
    """
    number = rollouts.numbered(rollout_id)
    return await rollouts.approved(
        call.app, call.actor, number, wave=wave, plan_root=plan_root, request_id=call.request_id
    )


@area("POST", "/api/v1/rollouts/{rollout_id}/pause", Permission.CONFIG_PUBLISH, raises=_OPEN)
def pause_rollout(work: Work, rollout_id: RolloutId) -> Rollout:
    """Release nobody further until it is resumed; hosts that were released go on."""
    return rollouts.pause(work, rollouts.numbered(rollout_id))


@area("POST", "/api/v1/rollouts/{rollout_id}/resume", Permission.CONFIG_PUBLISH, raises=_OPEN)
def resume_rollout(work: Work, rollout_id: RolloutId) -> Rollout:
    """Go on with a rollout that was paused."""
    return rollouts.resume(work, rollouts.numbered(rollout_id))


@area("POST", "/api/v1/rollouts/{rollout_id}/cancel", Permission.CONFIG_PUBLISH, raises=_OPEN)
def cancel_rollout(work: Work, rollout_id: RolloutId) -> Rollout:
    """Release nobody further; hosts that were released stay there until the next commit."""
    return rollouts.cancel(work, rollouts.numbered(rollout_id))


@area("POST", "/api/v1/rollouts/{rollout_id}/retry", Permission.CONFIG_PUBLISH, raises=_OPEN)
def retry_rollout(work: Work, rollout_id: RolloutId) -> Rollout:
    """Try again what failed: hosts run anew, health is asked for again, a blocked plan is made anew."""
    return rollouts.retry(work, rollouts.numbered(rollout_id))


@area(
    "POST",
    "/api/v1/rollouts/{rollout_id}/promote-wave",
    Permission.CONFIG_PUBLISH,
    raises=[*_OPEN, rollouts.NoSuchWave],
)
def promote_wave(work: Work, rollout_id: RolloutId, wave: Annotated[int, Field(ge=0, le=1_000)] = 0) -> Rollout:
    """Let the wave of this index be through now, without waiting for its hosts, its checks or its pause.

    Args:
        wave: its index.
    """
    return rollouts.promote(work, rollouts.numbered(rollout_id), wave)

"""The terms of carrying a plan out: how patient it is, what it is told after a restart, what it wants done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from reconciler.ports import Order
from schema.rollouts import HealthCheck, PlannedWave, RolloutPlan


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, and how much at once. Seconds and counts."""

    place_s: float = 5.0
    answer_s: float = 1_800.0
    """A host that was told and says nothing for so long is silent: it is not waited for."""
    offline_s: float = 300.0
    """A wave waits so long for hosts that are not connected."""
    reconnect_s: float = 60.0
    """After a start, hosts are given so long to come back."""
    ramp_share: int = 10
    """One in so many hosts of a wave is at it at first: as many as may fail where nothing else is said,"""
    ramp_least: int = 32
    """but at least so many."""
    ramp_more: int = 4
    """Places that each healthy answer opens, and each failure closes."""
    answered_share: int = 2
    """One in so many hosts of a wave has to have answered before it is through, however many are not there."""
    health_margin_s: float = 30.0
    probes: int = 256
    """Hosts that are asked at once to run the command of a health check."""


class Verdict(NamedTuple):
    """What the store knows of one host of this rollout, after a restart."""

    order: Order
    healthy: bool
    why: str = ""
    """Why it is not; healthy is one whose run was, whatever its health checks say."""


class Release(NamedTuple):
    """A host may have the new revision."""

    hostname: str
    envoy_id: str
    again: bool = False
    """It has it, and is to run anew."""


class Check(NamedTuple):
    """Ask whether all is well after a wave."""

    wave: int
    checks: tuple[HealthCheck, ...]


class Ask(NamedTuple):
    """Have a host that has converged run the command of a health check."""

    hostname: str
    envoy_id: str
    id: str
    """Of this attempt: asked for again, it is not run again."""
    check: HealthCheck


class GoBack(NamedTuple):
    """Take the change back by a commit."""


Step = Release | Check | Ask | GoBack


def everyone(commit: str, base: str | None, plan_root: str) -> RolloutPlan:
    """The plan of a revision that says nothing about how it is rolled out: all at once, until a tenth has failed."""
    wave = PlannedWave.model_construct(index=0, name="all", hosts=())
    return RolloutPlan.model_construct(commit=commit, base=base, plan_root=plan_root, waves=(wave,), unchanged=0)

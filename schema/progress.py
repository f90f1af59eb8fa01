"""How far a rollout is: what the loop writes down of it, and what people have asked of it.

Two hands write about one rollout, each its own: the loop its `Progress`, people their `Asked`. Neither overwrites the
other, so that nothing that was acknowledged to a person is lost to what the loop wrote a moment later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict

from schema.ids import Hostname
from schema.rollouts import RolloutPlan, RolloutState, WaveState
from schema.time import Instant

MAX_FAILURES: Final = 100
"""Hosts that failed, of which the names are kept; of the others it tells how many."""
MAX_PAGE: Final = 200
MAX_RESOURCES: Final = 10
"""Resources that failed, of one host."""
WHOLE_PLAN: Final = -1
"""In place of a wave: the plan as a whole."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class FailedResource(_Frozen):
    """A resource that failed on a host."""

    id: str
    """The resource, as `crate/name`."""
    message: str
    """Why it failed, without secrets of the host."""


class FailedCheck(_Frozen):
    """The command of a health check that did not end well on a host."""

    command: str
    """As a shell would read it."""
    code: int | None = None
    """Its exit code; None where it had none, as when it was not run or took too long."""
    output: str = ""
    """The last lines of what it said, without secrets of the host."""


class HostFailure(_Frozen):
    """A host that failed in a rollout."""

    hostname: Hostname
    """The host's name, as its enrolment token gave it."""
    wave: int
    """In the plan, counted from 0."""
    why: str
    """Why it counts as failed, in a sentence."""
    at: Instant
    """When the server learnt of it."""
    resources: tuple[FailedResource, ...] = ()
    """Resources of its run that failed: the first ten."""
    resources_left_out: int = 0
    """How many more of its resources failed."""
    check: FailedCheck | None = None
    """Where a health check failed on it."""


class WaveProgress(_Frozen):
    """How far one wave is. Counts are hosts."""

    index: int
    """In the plan, counted from 0."""
    name: str = ""
    """As `rollout.vgo` calls it; `all` where nothing plans, `rest` for whoever is in no wave."""
    state: WaveState = WaveState.WAITING
    """What it is at."""
    why: str = ""
    """What it waits for, or why it failed."""
    began_at: Instant | None = None
    """When its first host was released; null before."""
    ended_at: Instant | None = None
    """When it was through, failed or cancelled; null before."""
    pause_until: Instant | None = None
    """When the pause behind it ends; null where it is in none."""
    hosts: int = 0
    """Hosts of the wave."""
    released: int = 0
    """Told to take the new revision, whatever came of it."""
    healthy: int = 0
    """Converged under the new revision, and all health checks went well."""
    checking: int = 0
    """Converged; the commands of its health checks are under way."""
    failed: int = 0
    """Their run of the new revision failed, they refused it, or a health check failed on them."""
    silent: int = 0
    """Released and connected, without an answer in time."""
    offline: int = 0
    """Not connected: released or not, nothing is heard from them."""
    held: int = 0
    """Frozen, in maintenance or in quarantine: they follow when that ends."""
    probes: int = 0
    """How often its hosts began to be asked to run the commands of its health checks: once, and once more a retry."""


class Progress(_Frozen):
    """How far a rollout is."""

    state: RolloutState
    """What the rollout is at."""
    why: str = ""
    """What it waits for, or why it stopped."""
    waves: tuple[WaveProgress, ...] = ()
    """In the order in which they come."""
    failures: tuple[HostFailure, ...] = ()
    """Where hosts failed, the first to fail first."""
    failures_left_out: int = 0
    """How many more hosts failed."""
    retries: int = 0
    """Of `Asked.retries`, those that were taken."""
    ended_at: Instant | None = None
    """When nothing more was released; null while it goes on."""
    went_back_to: str | None = None
    """The commit that takes the change back."""


class Asked(_Frozen):
    """What people have asked of one rollout, all of it."""

    paused: bool = False
    """It is to release no further hosts for now."""
    cancelled: bool = False
    """It is to release no further hosts at all."""
    retries: int = 0
    """How often a wave that failed was to be tried again."""
    promoted: frozenset[int] = frozenset()
    """Waves that are to be through without waiting further."""
    approvals: Mapping[int, int] = {}
    """Wave, or `WHOLE_PLAN` → how many people have approved it."""


class Approval(_Frozen):
    """That a person has approved a wave, or a plan as a whole."""

    wave: int
    """`WHOLE_PLAN` for the plan."""
    user_id: str
    """Id of the account of whoever approved."""
    name: str
    """Name of whoever approved."""
    plan_root: str
    """What was approved: exactly what the hosts are to be."""
    at: Instant
    """When it was approved."""


class Rollout(_Frozen):
    """One rollout, with what people have asked of it."""

    id: int
    """Counted up; the newest is the highest."""
    commit: str
    """The commit that it brings to hosts."""
    plan_root: str
    """Digest over what every host is to be: an approval that names it binds exactly this plan."""
    state: RolloutState
    """What it is at."""
    why: str = ""
    """What it waits for, or why it stopped; empty when nothing is in the way."""
    version: int = 0
    """Grows with each turn that is on record."""
    everyone: bool
    """All at once: the revision does not say how it is rolled out."""
    author: str = ""
    """Author of the commit: typed by somebody, never verified."""
    began_at: Instant
    """When the commit came into force."""
    ended_at: Instant | None = None
    """When nothing more was released; null while it goes on."""
    asked: Asked = Asked()
    """What people have asked of it."""
    approvals: tuple[Approval, ...] = ()
    """Who approved, what and when."""
    progress: Progress
    """How far it is, wave by wave."""
    plan: RolloutPlan | None = None
    """None until it is made, where everybody is in one wave, and in lists."""


class RolloutList(BaseModel):
    """Rollouts without their plans, newest first."""

    rollouts: list[Rollout]
    """The rollouts of this page."""
    next_before: int | None = None
    """`before` for the next page; null on the last."""


FINISHED: Final = frozenset(
    {RolloutState.DONE, RolloutState.CANCELLED, RolloutState.REVERTED, RolloutState.STOPPED, RolloutState.BLOCKED}
)
"""States in which nothing more is released; only a person, or a newer commit, can lead on from the last two."""

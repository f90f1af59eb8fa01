"""Classes: what a revision is to one host, in two steps.

A host's *spot* is what is known of the host itself; how its rollout goes makes a class of that. So a rollout that is
paused costs nothing for each of its hosts, and a host that reports costs nothing for the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from schema.holds import HoldKind
from schema.rollouts import RolloutState, WaveState
from schema.standings import StandingClass


class Facts(NamedTuple):
    """What is known of one host, as to one revision."""

    desired: str | None
    """Digest of the catalog that the revision means for it; None where it says nothing of it."""
    ran: str
    """Of the catalog of its last run that was not a dry run; empty before the first."""
    failed: bool
    """Whether something failed in that run, or it refused."""
    hold: HoldKind | None
    """What holds it, as to this revision: a freeze that lets it through does not."""
    connected: bool
    stalled: bool = False
    """Whether nothing can be made for it, or it does not accept what was."""
    newer: bool = False
    """Whether the revision is in force no more, and it is not what the host was released to last."""
    wave: int | None = None
    """Index of its wave; None where there is no rollout, or it is in no wave."""
    released: bool = True
    """Whether its turn has come."""


class Spot(NamedTuple):
    """Where a host stands by itself. `wave` and `released` are those of the class `WAVE` alone."""

    name: StandingClass
    wave: int | None = None
    released: bool = True


class WaveCourse(NamedTuple):
    """How one wave of a rollout goes. Times are microseconds."""

    state: WaveState
    why: str = ""
    """What it waits for, or why it failed."""
    began_at: int | None = None
    pause_until: int | None = None
    pause_s: float = 0.0
    """How long the next waits after it."""
    name: str = ""
    asks: bool = False
    """People have to approve it, and have not."""


class Course(NamedTuple):
    """How a rollout goes, as far as standings look at it."""

    state: RolloutState
    why: str = ""
    waves: Sequence[WaveCourse] = ()


NO_COURSE: Final = Course(RolloutState.RUNNING)
"""Of a revision without a rollout: whoever is there gets it."""

_STANDS: Final = frozenset(
    {
        RolloutState.PAUSED,
        RolloutState.STOPPED,
        RolloutState.BLOCKED,
        RolloutState.CANCELLED,
        RolloutState.REVERTING,
        RolloutState.REVERTED,
    }
)
_ASKS: Final = frozenset({RolloutState.PLANNED, RolloutState.AWAITING_APPROVAL})

_SPOTS: Final = {name: Spot(name) for name in StandingClass}
"""One of each, shared by all hosts that are there."""


def spot(facts: Facts) -> Spot:
    """Where a host stands: the first of these that is so, whoever asks."""
    if facts.desired is None:
        return _SPOTS[StandingClass.UNMATCHED]
    if facts.hold is HoldKind.QUARANTINE:
        return _SPOTS[StandingClass.QUARANTINED]
    has_it = facts.ran == facts.desired
    if has_it and not facts.failed:
        return _SPOTS[StandingClass.APPLIED]
    if facts.hold is HoldKind.MAINTENANCE:
        return _SPOTS[StandingClass.MAINTENANCE]
    if facts.newer:
        return _SPOTS[StandingClass.SUPERSEDED]
    if facts.hold is HoldKind.FREEZE and not has_it:
        return _SPOTS[StandingClass.FROZEN]
    if has_it or facts.stalled:
        return _SPOTS[StandingClass.FAILED]
    if not facts.connected:
        return _SPOTS[StandingClass.OFFLINE]
    return Spot(StandingClass.WAVE, facts.wave, facts.released)


def named(place: Spot, course: Course) -> tuple[StandingClass, int | None]:
    """The class of the hosts of a spot while their rollout goes so; and their wave, of those that wait for one."""
    if place.name is not StandingClass.WAVE:
        return place.name, None
    if place.released:
        return StandingClass.WAVE, place.wave
    if course.state in _STANDS:
        return StandingClass.BLOCKED, place.wave
    if course.state in _ASKS or _wave_asks(place.wave, course):
        return StandingClass.APPROVAL, place.wave
    return StandingClass.WAVE, place.wave


def why(name: StandingClass, wave: int | None, course: Course) -> str:
    """What the hosts of a class wait for, or what stands in their way, as the rollout says it; empty for nothing."""
    if name is StandingClass.BLOCKED:
        return course.why or course.state.value.replace("_", " ")
    if name is StandingClass.APPROVAL and course.state in _ASKS:
        return course.why
    if name in {StandingClass.APPROVAL, StandingClass.WAVE} and wave is not None and wave < len(course.waves):
        return course.waves[wave].why
    return ""


def _wave_asks(wave: int | None, course: Course) -> bool:
    if wave is None or wave >= len(course.waves):
        return False
    return course.waves[wave].state is WaveState.AWAITING_APPROVAL

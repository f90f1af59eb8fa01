"""Pace: when the hosts that are on their way will be there, as far as what was seen of this rollout can tell.

What is not known is said to be unknown, and why; no number is made up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reconciler.standings.classes import Course
from schema.rollouts import RolloutState, WaveState
from schema.standings import Eta
from schema.time import MINUTE, SECOND

LOOK_BACK: Final = 30 * MINUTE
LEAST: Final = 2 * SECOND
"""A pace that was watched for less is none."""

Point = tuple[int, int]
"""A time in microseconds, and how many hosts had it then."""

_ENDED: Final = {
    RolloutState.PAUSED: "the rollout is paused",
    RolloutState.STOPPED: "the rollout has stopped",
    RolloutState.BLOCKED: "an invariant stops the rollout",
    RolloutState.CANCELLED: "the rollout was cancelled",
    RolloutState.REVERTING: "the change is being taken back",
    RolloutState.REVERTED: "the change was taken back",
    RolloutState.AWAITING_APPROVAL: "nobody has approved the plan yet",
    RolloutState.PLANNED: "the rollout has not begun",
}
_ASKED: Final = {
    WaveState.AWAITING_APPROVAL: "a wave waits for an approval",
    WaveState.AWAITING_WINDOW: "a wave waits for its window",
    WaveState.FAILED: "a wave has failed",
}


def eta(points: Sequence[Point], *, remaining: int, others: int, course: Course, now: int) -> Eta:
    """When the last of `remaining` hosts will have the revision, at the pace of those before.

    Args:
        points: how many hosts had it when, oldest first; since it came into force.
        others: hosts that lack it and are not on their way: offline, frozen, failed ...
        now: microseconds.

    The pace is that of the wave that runs, of at most the last half hour; waves to come are taken to be as fast, and
    the pauses between them are added.
    """
    if not remaining:
        return Eta(why=_idle(others, "is", "are") if others else "")
    stopped = _ENDED.get(course.state) or next(
        (said for wave in course.waves if (said := _ASKED.get(wave.state)) is not None), None
    )
    if stopped is not None:
        return Eta(why=stopped)
    asks = next((wave for wave in course.waves if wave.asks), None)
    if asks is not None:
        return Eta(why=f"wave {asks.name} will wait for an approval")
    began = max((wave.began_at or 0 for wave in course.waves), default=0)
    # A point tells of all the time until the next: the one before the stretch says how many had it when it began.
    start = max(began, now - LOOK_BACK, points[0][0] if points else now)
    before = next((count for at, count in reversed(points) if at <= start), points[0][1] if points else 0)
    done = (points[-1][1] if points else 0) - before
    took = _moving_until(course, now) - start
    if done < 1 or took < LEAST:
        return Eta(why="no pace to go by yet" if took < MINUTE else "nothing was applied lately")
    left = remaining * took / done + _pauses(course, now)
    without = "without " + _idle(others, "that is", "that are") if others else ""
    return Eta(at=now + round(left / SECOND) * SECOND, why=without)


def _moving_until(course: Course, now: int) -> int:
    """Until when hosts were reached: in a pause there is no pace."""
    paused = [
        wave.pause_until - round(wave.pause_s * SECOND)
        for wave in course.waves
        if wave.state is WaveState.PAUSED and wave.pause_until is not None
    ]
    return min([now, *paused])


def _pauses(course: Course, now: int) -> float:
    """Microseconds of the pauses that are still to come."""
    total = 0.0
    last = len(course.waves) - 1
    for index, wave in enumerate(course.waves):
        if wave.state is WaveState.PAUSED and wave.pause_until is not None:
            total += max(0, wave.pause_until - now)
        elif wave.state not in {WaveState.DONE, WaveState.PAUSED} and index < last:
            total += wave.pause_s * SECOND
    return total


def _idle(count: int, one: str, many: str) -> str:
    return f"1 host {one} not on its way" if count == 1 else f"{count} hosts {many} not on their way"

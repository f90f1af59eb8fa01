"""Classes exclude each other and leave nobody out, whatever is known of a host and however its rollout goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.standings import NO_COURSE, Course, Facts, WaveCourse, named, spot, why
from schema.holds import HoldKind
from schema.rollouts import RolloutState, WaveState
from schema.standings import StandingClass

NEW, OLD = "a" * 64, "b" * 64

FACTS = st.builds(
    Facts,
    desired=st.sampled_from([None, NEW]),
    ran=st.sampled_from(["", OLD, NEW]),
    failed=st.booleans(),
    hold=st.none() | st.sampled_from(HoldKind),
    connected=st.booleans(),
    stalled=st.booleans(),
    newer=st.booleans(),
    wave=st.none() | st.integers(0, 2),
    released=st.booleans(),
)
COURSES = st.builds(
    Course,
    state=st.sampled_from(RolloutState),
    why=st.just("why"),
    waves=st.lists(st.builds(WaveCourse, state=st.sampled_from(WaveState), why=st.just("its why")), max_size=3),
)


def meant(facts: Facts, course: Course) -> set[StandingClass]:
    """Every class whose own sentence is true of a host, by the words of the docs alone."""
    has = facts.ran == NEW
    wave = course.waves[facts.wave] if facts.wave is not None and facts.wave < len(course.waves) else None
    asks = course.state in {RolloutState.PLANNED, RolloutState.AWAITING_APPROVAL} or (
        wave is not None and wave.state is WaveState.AWAITING_APPROVAL
    )
    moves = {RolloutState.RUNNING, RolloutState.DONE, RolloutState.PLANNED, RolloutState.AWAITING_APPROVAL}
    true_of = {
        StandingClass.UNMATCHED: facts.desired is None,
        StandingClass.QUARANTINED: facts.hold is HoldKind.QUARANTINE,
        StandingClass.APPLIED: has and not facts.failed,
        StandingClass.MAINTENANCE: facts.hold is HoldKind.MAINTENANCE,
        StandingClass.SUPERSEDED: facts.newer,
        StandingClass.FROZEN: facts.hold is HoldKind.FREEZE and not has,
        StandingClass.FAILED: has or facts.stalled,
        StandingClass.OFFLINE: not facts.connected,
        StandingClass.APPROVAL: not facts.released and course.state in moves and asks,
        StandingClass.BLOCKED: not facts.released and course.state not in moves,
        StandingClass.WAVE: True,
    }
    return {name for name, is_so in true_of.items() if is_so}


@given(FACTS, COURSES)
def test_a_host_is_in_the_first_class_whose_sentence_is_true_of_it(facts: Facts, course: Course) -> None:
    name, wave = named(spot(facts), course)

    assert name is next(each for each in StandingClass if each in meant(facts, course))
    assert wave is None or name in {StandingClass.WAVE, StandingClass.BLOCKED, StandingClass.APPROVAL}


@given(st.lists(FACTS, max_size=30), COURSES)
def test_the_classes_sum_to_the_fleet(fleet: list[Facts], course: Course) -> None:
    counts = dict.fromkeys(StandingClass, 0)
    for facts in fleet:
        counts[named(spot(facts), course)[0]] += 1

    assert sum(counts.values()) == len(fleet)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(None, NEW, False, None, True), StandingClass.UNMATCHED),
        (Facts(NEW, NEW, False, HoldKind.QUARANTINE, True), StandingClass.QUARANTINED),
        (Facts(NEW, NEW, False, HoldKind.FREEZE, False), StandingClass.APPLIED),
        (Facts(NEW, NEW, True, HoldKind.MAINTENANCE, False), StandingClass.MAINTENANCE),
        (Facts(NEW, NEW, False, None, True, newer=True), StandingClass.APPLIED),
        (Facts(NEW, OLD, True, None, True, newer=True), StandingClass.SUPERSEDED),
        (Facts(NEW, NEW, True, HoldKind.FREEZE, True), StandingClass.FAILED),
        (Facts(NEW, OLD, True, None, True), StandingClass.WAVE),
        (Facts(NEW, OLD, False, None, True, stalled=True), StandingClass.FAILED),
        (Facts(NEW, OLD, False, HoldKind.FREEZE, False, stalled=True), StandingClass.FROZEN),
        (Facts(NEW, "", False, None, False), StandingClass.OFFLINE),
        (Facts(NEW, "", False, None, True), StandingClass.WAVE),
    ],
)
def test_what_is_said_of_a_host(facts: Facts, expected: StandingClass) -> None:
    assert named(spot(facts), NO_COURSE)[0] is expected


def test_a_rollout_that_stops_holds_up_those_whose_turn_has_not_come() -> None:
    stopped = Course(RolloutState.STOPPED, "wave first: 3 of 10 hosts failed", [WaveCourse(WaveState.FAILED)] * 2)
    at_it, later = (Facts(NEW, OLD, False, None, True, wave=1, released=released) for released in (True, False))

    assert named(spot(at_it), stopped) == (StandingClass.WAVE, 1)
    assert named(spot(later), stopped) == (StandingClass.BLOCKED, 1)
    assert why(StandingClass.BLOCKED, 1, stopped) == "wave first: 3 of 10 hosts failed"
    assert why(StandingClass.BLOCKED, 1, Course(RolloutState.CANCELLED)) == "cancelled"


def test_what_a_wave_waits_for_is_told() -> None:
    waits = WaveCourse(WaveState.AWAITING_APPROVAL, "one person must approve this wave")
    window = WaveCourse(WaveState.AWAITING_WINDOW, "no window is open")
    course = Course(RolloutState.RUNNING, "", [window, waits])
    places = [spot(Facts(NEW, OLD, False, None, True, wave=wave, released=False)) for wave in (0, 1)]

    assert [named(place, course) for place in places] == [(StandingClass.WAVE, 0), (StandingClass.APPROVAL, 1)]
    assert why(StandingClass.WAVE, 0, course) == "no window is open"
    assert why(StandingClass.APPROVAL, 1, course) == "one person must approve this wave"
    assert why(StandingClass.APPLIED, None, course) == ""

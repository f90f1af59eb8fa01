"""When the rest will be there: by what was seen, and unknown where nothing was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.standings import NO_COURSE, Course, WaveCourse, eta
from schema.rollouts import RolloutState, WaveState
from schema.time import HOUR, MINUTE, SECOND

NOW = 1_000 * HOUR


def test_at_the_pace_of_those_before() -> None:
    points = [(NOW - 100 * SECOND, 0), (NOW - 50 * SECOND, 5), (NOW, 10)]

    assert eta(points, remaining=20, others=0, course=NO_COURSE, now=NOW).at == NOW + 200 * SECOND
    told = eta(points, remaining=20, others=3, course=NO_COURSE, now=NOW)
    assert told.why == "without 3 hosts that are not on their way"
    assert eta([], remaining=0, others=1, course=NO_COURSE, now=NOW).why == "1 host is not on its way"


def test_a_pace_that_slackens_is_seen() -> None:
    points = [(NOW - 100 * SECOND, 0), (NOW - 90 * SECOND, 10)]

    assert eta(points, remaining=10, others=0, course=NO_COURSE, now=NOW).at == NOW + 100 * SECOND


def test_only_the_wave_that_runs_counts_and_the_pauses_to_come_are_added() -> None:
    waves = [
        WaveCourse(WaveState.DONE, began_at=NOW - 2 * HOUR, pause_s=3600),
        WaveCourse(WaveState.RUNNING, began_at=NOW - 10 * SECOND, pause_s=600),
        WaveCourse(WaveState.WAITING, pause_s=600),
    ]
    points = [(NOW - 2 * HOUR, 0), (NOW - 110 * MINUTE, 10), (NOW - 5 * SECOND, 15), (NOW, 20)]

    told = eta(points, remaining=20, others=0, course=Course(RolloutState.RUNNING, "", waves), now=NOW)
    assert told.at == NOW + 20 * SECOND + 600 * SECOND


def test_the_rest_of_a_pause_is_waited_for() -> None:
    waves = [
        WaveCourse(WaveState.PAUSED, began_at=NOW - 10 * SECOND, pause_until=NOW + 60 * SECOND, pause_s=60),
        WaveCourse(WaveState.WAITING),
    ]
    points = [(NOW - 10 * SECOND, 0), (NOW, 10)]

    told = eta(points, remaining=10, others=0, course=Course(RolloutState.RUNNING, "", waves), now=NOW)
    assert told.at == NOW + 70 * SECOND


def test_in_a_pause_there_is_no_pace() -> None:
    paused = WaveCourse(WaveState.PAUSED, began_at=NOW - 500 * SECOND, pause_until=NOW + 110 * SECOND, pause_s=600)
    points = [(NOW - 500 * SECOND, 0), (NOW - 490 * SECOND, 10)]

    course = Course(RolloutState.RUNNING, "", [paused, WaveCourse(WaveState.WAITING)])
    assert eta(points, remaining=10, others=0, course=course, now=NOW).at == NOW + 120 * SECOND


def test_a_wave_that_people_have_yet_to_approve_has_no_time() -> None:
    waves = [
        WaveCourse(WaveState.RUNNING, began_at=NOW - 10 * SECOND),
        WaveCourse(WaveState.WAITING, name="rest", asks=True),
    ]
    points = [(NOW - 10 * SECOND, 0), (NOW, 10)]

    told = eta(points, remaining=10, others=0, course=Course(RolloutState.RUNNING, "", waves), now=NOW)
    assert (told.at, told.why) == (None, "wave rest will wait for an approval")


def test_what_cannot_be_known_is_said() -> None:
    points = [(NOW - 100 * SECOND, 0), (NOW, 10)]
    windowed = Course(RolloutState.RUNNING, "", [WaveCourse(WaveState.AWAITING_WINDOW)])

    def why(course: Course = NO_COURSE, given: list[tuple[int, int]] = points, remaining: int = 5) -> str:
        told = eta(given, remaining=remaining, others=0, course=course, now=NOW)
        assert told.at is None
        return told.why

    assert why(Course(RolloutState.STOPPED)) == "the rollout has stopped"
    assert why(windowed) == "a wave waits for its window"
    assert why(given=[]) == "no pace to go by yet"
    assert why(given=[(NOW - 10 * SECOND, 7)]) == "no pace to go by yet"
    assert why(given=[(NOW - HOUR, 7)]) == "nothing was applied lately"
    assert why(given=[(NOW - SECOND, 0), (NOW, 9)]) == "no pace to go by yet"
    assert why(remaining=0) == ""


@given(
    st.lists(st.tuples(st.integers(NOW - 2 * HOUR, NOW), st.integers(0, 1_000)), max_size=10),
    st.integers(0, 100),
    st.integers(0, 5),
    st.sampled_from(RolloutState),
)
def test_a_time_is_told_only_of_hosts_on_their_way_and_is_never_over(
    points: list[tuple[int, int]], remaining: int, others: int, state: RolloutState
) -> None:
    told = eta(sorted(points), remaining=remaining, others=others, course=Course(state), now=NOW)

    assert told.at is None or (told.at >= NOW and remaining)
    assert told.at is not None or told.why or (not remaining and not others)

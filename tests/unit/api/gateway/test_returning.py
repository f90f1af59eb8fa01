"""Fleets on their way back, in simulated time: one host alone is back at once, all together within their time."""

from __future__ import annotations

import pytest

from api.gateway import limits
from tests.factories.returning import Fleet

SIZE = 2_500
EACH_S = 0.0132
"""Of a processor for each: the sum is that of ten thousand on one four times as fast."""
OVER_S = SIZE * EACH_S / limits.RETURNS_SHARE


def _fleet(seed: int = 1, *, each_s: float = EACH_S, **how: bool) -> Fleet:
    return Fleet(SIZE, each_s=each_s, seed=seed, **how)


def test_it_is_learned_what_a_return_costs_while_they_join() -> None:
    assert _fleet().returns.over_s(SIZE) == pytest.approx(OVER_S, rel=0.1)


def test_one_whose_connection_breaks_is_back_within_a_second_however_large_the_fleet() -> None:
    fleet = _fleet()
    for number in range(100):
        fleet.cut(range(number, number + 1))
        fleet.run()
    assert not fleet.vain
    assert max(fleet.away) < 1.2


@pytest.mark.parametrize("seed", [1, 2])
def test_all_who_are_cut_at_once_are_back_within_their_time_and_nobody_waits_in_vain(seed: int) -> None:
    fleet = _fleet(seed)
    fleet.cut(range(SIZE))
    assert fleet.run() < OVER_S * 1.2
    # Those who were too many for a moment were turned away once, and then came when it was their turn.
    assert set(fleet.vain) == {"turned away"}
    assert fleet.vain["turned away"] <= SIZE


@pytest.mark.parametrize("away_s", [0.5, 2.0, 8.6])
def test_a_server_that_was_killed_is_not_buried_by_those_who_come_at_once(away_s: float) -> None:
    fleet = _fleet()
    fleet.restart(away_s, goodbye=False)
    assert fleet.run() < away_s + OVER_S * 1.5
    assert "timed out" not in fleet.vain
    assert sum(fleet.vain.values()) < SIZE * 1.5


@pytest.mark.parametrize("away_s", [0.5, 2.0, 8.6])
def test_after_a_goodbye_few_come_before_their_turn(away_s: float) -> None:
    fleet = _fleet()
    fleet.restart(away_s, goodbye=True)
    assert fleet.run() < away_s + OVER_S * 1.5
    assert sum(fleet.vain.values()) < SIZE * 0.5


def test_a_server_twice_as_fast_has_all_back_in_half_the_time() -> None:
    took = []
    for each_s in (EACH_S, EACH_S / 2):
        fleet = _fleet(each_s=each_s)
        fleet.restart(0.5, goodbye=True)
        took.append(fleet.run())
    assert took[1] == pytest.approx(took[0] / 2, rel=0.1)


def test_agents_that_know_of_no_such_time_come_back_too() -> None:
    fleet = _fleet(told=False)
    fleet.cut(range(SIZE))
    assert fleet.run() < OVER_S * 3
    assert "timed out" not in fleet.vain


def test_without_jitter_they_meet_each_other_again_and_again() -> None:
    # The control: were they back all the same, the above would say nothing of jitter.
    fleet = _fleet(jitter=False)
    fleet.restart(2.0, goodbye=True)
    assert fleet.run() > OVER_S * 2.5

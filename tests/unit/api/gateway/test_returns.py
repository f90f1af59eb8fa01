"""What a return costs is measured, and says over how long a fleet comes back."""

from __future__ import annotations

import pytest

from api.gateway import limits
from api.gateway.returns import Returns


def _rush(returns: Returns, *, per_s: int, each_s: float, seconds: int, late: bool = False) -> None:
    """So many come back each second, each for so much of the processor; late: of a processor that others use too."""
    slices = round(1 / limits.PACE_S)
    for _ in range(seconds * slices):
        for _ in range(per_s // slices):
            returns.welcomed()
        returns.passed(limits.PACE_S, per_s // slices * each_s, late=late)


def test_until_something_is_known_a_usual_machine_is_supposed() -> None:
    assert Returns().over_s(10_000) == pytest.approx(10_000 / limits.FIRST_RETURNS_PER_S)


@pytest.mark.parametrize("each_s", [0.0015, 0.003, 0.006])
def test_a_slow_machine_spreads_a_fleet_over_longer_than_a_fast_one(each_s: float) -> None:
    returns = Returns()
    _rush(returns, per_s=100, each_s=each_s, seconds=30)
    assert returns.over_s(6_000) == pytest.approx(6_000 * each_s / limits.RETURNS_SHARE, rel=0.02)


def test_a_processor_that_is_not_ours_alone_lets_fewer_in_than_what_it_worked_for_us_says() -> None:
    returns = Returns()
    _rush(returns, per_s=100, each_s=0.002, seconds=30, late=True)
    assert returns.per_s == pytest.approx(100 * limits.RETURNS_SHARE, rel=0.02)


def test_the_few_of_an_ordinary_hour_say_nothing_of_what_a_return_costs() -> None:
    returns = Returns()
    for _ in range(1_000):
        returns.welcomed()
        _rush(returns, per_s=0, each_s=0.0, seconds=1, late=True)
    assert returns.per_s == limits.FIRST_RETURNS_PER_S


@pytest.mark.parametrize(
    ("each_s", "per_s"),
    [(0.0, limits.MAX_RETURNS_PER_S), (1e-9, limits.MAX_RETURNS_PER_S), (0.025, limits.MIN_RETURNS_PER_S)],
)
def test_whatever_is_measured_the_rate_and_the_queue_stay_between_their_bounds(each_s: float, per_s: float) -> None:
    returns = Returns()
    _rush(returns, per_s=40, each_s=each_s, seconds=60)
    assert returns.per_s == pytest.approx(per_s)
    assert returns.may_wait() == min(per_s * limits.QUEUE_S, limits.BACKLOG // 2)
    assert returns.over_s(10**9) == limits.MAX_RETURN_S

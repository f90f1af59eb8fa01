"""Mixes: the worst of them, found in one pass, is the worst of all that there are."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.rollout.mixes import Bound, Part, Standing, worst
from tests.effort import tries

NO = Standing(member=False, counts=False)
IN = Standing(member=True, counts=False)
COUNTS = Standing(member=True, counts=True)

standings = st.sampled_from([NO, IN, COUNTS])
bounds = st.one_of(
    st.builds(Bound, least=st.booleans(), number=st.integers(0, 4)),
    st.builds(Bound, least=st.booleans(), percent=st.integers(0, 100)),
)

FEW = settings(max_examples=tries(70))
"""Time is no part of what is held here."""


@st.composite
def fleets(draw: st.DrawFn) -> tuple[list[Part], int]:
    waves = draw(st.integers(0, 3))
    parts: list[Part] = []
    for number in range(draw(st.integers(0, 7))):
        wave = draw(st.none() | st.integers(0, waves - 1)) if waves else None
        parts.append(Part([f"h{number}"], wave, draw(st.booleans()), draw(standings), draw(standings)))
    return parts, waves


def broken(fleet: list[Standing], bound: Bound, allowed_before: list[Standing] | None) -> bool:
    """Whether a fleet breaks a bound, in the words of somebody who counts."""

    def amount(of: list[Standing]) -> int:
        if bound.percent is None:
            return sum(each.counts for each in of)
        return sum(100 * each.counts - bound.percent * each.member for each in of)

    limit = bound.number if bound.percent is None else 0
    if allowed_before is not None:
        limit = (min if bound.least else max)(limit, amount(allowed_before))
    return amount(fleet) < limit if bound.least else amount(fleet) > limit


def by_brute_force(parts: list[Part], waves: int, bound: Bound) -> int | str | None:
    before = [part.old for part in parts]
    after = [part.old if part.wave is None else part.new for part in parts]
    is_there = [any(each.member for each in fleet) for fleet in (before, after)]
    if broken(after, bound, None) and (is_there[1] or not bound.least):
        return "end"
    if bound.least and not all(is_there):
        return None
    for wave in range(waves):
        choices = []
        for part in parts:
            if part.wave is None or part.wave > wave:
                choices.append([part.old])
            elif part.wave == wave or part.stays:
                choices.append([part.old, part.new])
            else:
                choices.append([part.new])
        if any(broken(list(mix), bound, before) for mix in product(*choices)):
            return wave
    return None


@FEW
@given(fleets(), bounds)
def test_no_mix_is_worse_than_the_one_that_is_told(fleet: tuple[list[Part], int], bound: Bound) -> None:
    parts, waves = fleet

    found = worst(parts, waves, bound)

    told = None if found is None else "end" if found.wave is None else found.wave
    assert told == by_brute_force(parts, waves, bound)


@FEW
@given(fleets(), bounds)
def test_what_is_told_is_a_mix_that_the_waves_allow_and_that_breaks_the_bound(
    fleet: tuple[list[Part], int], bound: Bound
) -> None:
    parts, waves = fleet
    found = worst(parts, waves, bound)
    if found is None:
        return

    for part in parts:
        name = part.names[0]
        if name in found.new:
            assert part.wave is not None
            assert found.wave is None or part.wave <= found.wave
        if name in found.old:
            assert part.wave is not None
            assert found.wave is not None
            assert part.wave >= found.wave or part.stays
    assert not set(found.new) & set(found.old)
    assert 0 <= found.counting <= found.members <= len(parts)
    if bound.percent is None:
        assert (found.counting < bound.number) if bound.least else (found.counting > bound.number)


@FEW
@given(fleets(), bounds, st.integers(1, 4))
def test_hosts_that_are_alike_may_be_told_together(fleet: tuple[list[Part], int], bound: Bound, each: int) -> None:
    parts, waves = fleet
    together = [part._replace(names=[f"{part.names[0]}.{n}" for n in range(each)]) for part in parts]
    apart = [part._replace(names=[name]) for part in together for name in part.names]

    assert worst(together, waves, bound) == worst(apart, waves, bound)


def test_a_swap_within_one_wave_may_leave_nobody() -> None:
    parts = [Part(["a"], 0, False, COUNTS, IN), Part(["b"], 0, False, IN, COUNTS)]

    found = worst(parts, 1, Bound(least=True, number=1))

    assert found is not None
    assert (found.wave, found.counting, found.members, found.new, found.old) == (0, 0, 2, ["a"], ["b"])


def test_a_swap_in_two_waves_keeps_one_when_the_one_that_comes_is_first() -> None:
    parts = [Part(["a"], 1, False, COUNTS, IN), Part(["b"], 0, False, IN, COUNTS)]

    assert worst(parts, 2, Bound(least=True, number=1)) is None


def test_and_does_not_when_that_host_may_stay_as_it_is() -> None:
    parts = [Part(["a"], 1, False, COUNTS, IN), Part(["b"], 0, True, IN, COUNTS)]

    found = worst(parts, 2, Bound(least=True, number=1))

    assert found is not None
    assert (found.wave, found.new, found.old) == (1, ["a"], ["b"])


def test_what_is_broken_already_may_be_mended_but_not_made_worse() -> None:
    mends = [Part(["a"], None, False, COUNTS, COUNTS), Part(["b"], 0, False, IN, COUNTS)]
    moves = [*mends, Part(["c"], 0, False, IN, COUNTS), Part(["d"], 0, False, COUNTS, IN)]

    assert worst(mends, 1, Bound(least=True, number=2)) is None
    found = worst(moves, 1, Bound(least=True, number=3))
    assert found is not None
    assert (found.wave, found.counting) == (None, 3) if found.wave is None else found.counting < 2


def test_a_group_that_comes_is_judged_when_it_is_there() -> None:
    comes = [Part(["a"], 0, False, NO, COUNTS), Part(["b"], 1, False, NO, COUNTS)]

    assert worst(comes, 2, Bound(least=True, number=2)) is None
    found = worst(comes, 2, Bound(least=True, number=3))
    assert found is not None
    assert (found.wave, found.counting, found.members) == (None, 2, 2)


def test_a_group_that_goes_is_not_asked_for_what_left_with_it() -> None:
    goes = [Part(["a"], 0, False, COUNTS, NO), Part(["b"], 1, False, COUNTS, NO)]

    assert worst(goes, 2, Bound(least=True, number=2)) is None

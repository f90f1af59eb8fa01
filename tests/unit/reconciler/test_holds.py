"""Holds: held against a judge that looks at every hold every time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.graph import patterns
from reconciler.holds import FOR_EVER, NOTHING, Holds, Pass
from schema.holds import Hold, HoldKind
from schema.ids import new_id
from tests.effort import tries

COMMITS = ("a" * 40, "b" * 40)
NAMES = ("web1.example.com", "web2.example.com", "db1.example.com", "lb")
MATCHES = (None, "*", "web*", "db?.example.com", "web1.example.com", "LB", "/web[0-9].*/", "/.*/", "[dl]b*", "*.com")
TIMES = st.integers(0, 6)


def _hold(
    kind: HoldKind, *, match: str | None = None, hostname: str | None = None, until: int | None = None, reason: str = ""
) -> Hold:
    envoy_id = new_id() if hostname is not None else None
    return Hold(
        id=new_id(),
        kind=kind,
        match=match,
        envoy_id=envoy_id,
        hostname=hostname,
        until=until,
        reason=reason,
        created_at=0,
        created_by="ann",
    )


def _holds() -> st.SearchStrategy[list[Hold]]:
    until = st.none() | TIMES
    of_match = st.builds(_hold, st.sampled_from(HoldKind), match=st.sampled_from(MATCHES), until=until)
    of_envoy = st.builds(_hold, st.sampled_from(HoldKind), hostname=st.sampled_from(NAMES), until=until)
    return st.lists(of_match | of_envoy, max_size=8)


def _passes() -> st.SearchStrategy[list[Pass]]:
    return st.lists(st.builds(Pass, st.sampled_from(COMMITS), st.sampled_from(MATCHES), TIMES), max_size=3)


def _meant(match: str | None, hostname: str) -> bool:
    return match is None or patterns.parse(match).matches(hostname)


def _naive(holds: list[Hold], passes: list[Pass], hostname: str, now: int, commit: str | None) -> Hold | None:
    there = [
        hold
        for hold in holds
        if (hold.until is None or hold.until > now)
        and (hold.hostname == hostname if hold.hostname is not None else _meant(hold.match, hostname))
    ]
    strength = [HoldKind.FREEZE, HoldKind.MAINTENANCE, HoldKind.QUARANTINE]
    there.sort(
        key=lambda hold: (-strength.index(hold.kind), -(FOR_EVER if hold.until is None else hold.until), hold.id)
    )
    if not there:
        return None
    let = any(each.commit == commit and each.until > now and _meant(each.match, hostname) for each in passes)
    return None if let and there[0].kind is HoldKind.FREEZE else there[0]


@given(_holds(), _passes(), st.sampled_from(NAMES), TIMES, st.none() | st.sampled_from(COMMITS))
def test_the_strongest_hold_that_ends_last_is_on_a_host(
    holds: list[Hold], passes: list[Pass], hostname: str, now: int, commit: str | None
) -> None:
    asked = Holds(holds, passes)

    assert asked.on(hostname, now, commit) == _naive(holds, passes, hostname, now, commit)
    assert asked.each(NAMES, now, commit) == [_naive(holds, passes, name, now, commit) for name in NAMES]


@settings(max_examples=tries(15))
@given(_holds(), _passes(), TIMES, st.none() | st.sampled_from(COMMITS))
def test_no_answer_changes_by_itself_before_the_time_that_was_told(
    holds: list[Hold], passes: list[Pass], now: int, commit: str | None
) -> None:
    asked = Holds(holds, passes)
    change = asked.next_change(now)

    until = change if change is not None else 10
    for later in range(now, until):
        assert asked.each(NAMES, later, commit) == asked.each(NAMES, now, commit)
    assert change is None or change > now


@settings(max_examples=tries(15))
@given(_holds(), TIMES, st.integers(-6, 6))
def test_a_jump_of_the_clock_moves_the_end_of_a_hold_by_no_more_than_the_jump(
    holds: list[Hold], now: int, jump: int
) -> None:
    asked = Holds(holds)
    for name in NAMES:
        hold = asked.on(name, now)
        if hold is not None and asked.on(name, now + jump) is None:
            assert hold.until is not None
            assert hold.until - now <= jump


@settings(max_examples=tries(15))
@given(_holds(), st.sampled_from(NAMES))
def test_nothing_holds_for_longer_than_it_says(holds: list[Hold], hostname: str) -> None:
    hold = Holds(holds).on(hostname, 7)

    assert hold is None or hold.until is None


@settings(max_examples=tries(15))
@given(_holds(), TIMES)
def test_what_is_in_force_is_what_has_not_ended(holds: list[Hold], now: int) -> None:
    asked = Holds(holds)

    assert asked.in_force(now) == tuple(hold for hold in holds if hold.until is None or hold.until > now)


def test_a_pass_goes_through_a_freeze_and_through_nothing_else() -> None:
    passes = [Pass(COMMITS[0], "web*", 5)]
    frozen = Holds([_hold(HoldKind.FREEZE)], passes)
    quarantined = Holds([_hold(HoldKind.FREEZE), _hold(HoldKind.QUARANTINE, hostname=NAMES[0])], passes)

    assert frozen.on("web1.example.com", 4, COMMITS[0]) is None
    assert frozen.on("web1.example.com", 4, COMMITS[1]) is not None
    assert frozen.on("web1.example.com", 4) is not None
    assert frozen.on("lb", 4, COMMITS[0]) is not None
    assert frozen.on("web1.example.com", 5, COMMITS[0]) is not None
    held = quarantined.on(NAMES[0], 4, COMMITS[0])
    assert held is not None
    assert held.kind is HoldKind.QUARANTINE


def test_without_holds_nothing_is_held() -> None:
    assert NOTHING.on("web1.example.com", 0) is None
    assert NOTHING.next_change(0) is None
    assert not NOTHING
    assert Holds([]) == NOTHING


def test_what_is_no_pattern_is_told() -> None:
    with pytest.raises(patterns.BadPattern):
        Holds([_hold(HoldKind.FREEZE, match="web[")])

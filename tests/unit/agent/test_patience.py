"""What changes again and again is looked at ever more seldom, and at once again when it has calmed down."""

from __future__ import annotations

from agent.patience import CALM_S, FREE, MAX_PAUSE_S, MAX_PLACES, Patience


def test_the_first_come_at_once_and_then_ever_more_seldom() -> None:
    patience, now, waits = Patience(), 0.0, []
    for _ in range(FREE + 12):
        now += 0.1
        at = patience.when("/etc/passwd", now)
        waits.append(round(at - now, 1))
        now = at
    assert waits[:FREE] == [0.0] * FREE
    assert waits[FREE : FREE + 4] == [0.9, 1.9, 3.9, 7.9]
    assert max(waits) <= MAX_PAUSE_S
    assert waits == sorted(waits)
    assert patience.when("/etc/passwd", now + 2 * MAX_PAUSE_S + 1) == now + 2 * MAX_PAUSE_S + 1


def test_what_is_calm_for_long_enough_is_looked_at_at_once() -> None:
    patience = Patience()
    now = 0.0
    for _ in range(10 * FREE):
        now += CALM_S + 1
        assert patience.when("/a", now) == now


def test_places_do_not_know_each_other_and_too_many_are_forgotten() -> None:
    patience = Patience()
    for _ in range(FREE):
        patience.when("/a", 1.0)
    assert patience.when("/b", 1.0) == 1.0
    for number in range(MAX_PLACES):
        patience.when(f"/{number}", 1.0)
    assert patience.when("/a", 1.0) == 1.0

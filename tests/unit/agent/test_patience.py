"""What changes again and again is looked at ever more seldom, and at once again when it has calmed down."""

from __future__ import annotations

import math

from agent.patience import CALM_S, CROWDED_S, FREE, MAX_PATHS, MAX_PAUSE_S, Patience


def wait(patience: Patience, path: str, now: float, most_s: float = MAX_PAUSE_S) -> float:
    """How long a path that changes now waits until it is told."""
    patience.changed([path], now, most_s)
    at = max(now, patience.due())
    assert patience.told(at) == {path}
    return at - now


def rewritten(patience: Patience, path: str, now: float, times: int) -> tuple[list[float], float]:
    """How long a path waits each time that is changed again at once when it was told."""
    waits = []
    for _ in range(times):
        now += 0.1
        waits.append(wait(patience, path, now))
        now += waits[-1]
    return waits, now


def test_the_first_come_at_once_and_then_ever_more_seldom() -> None:
    patience = Patience()
    waits, now = rewritten(patience, "/etc/passwd", 0.0, FREE + 12)
    assert waits[:FREE] == [0.0] * FREE
    assert [round(each, 1) for each in waits[FREE : FREE + 4]] == [0.9, 1.9, 3.9, 7.9]
    assert max(waits) <= MAX_PAUSE_S
    assert waits == sorted(waits)
    assert wait(patience, "/etc/passwd", now + 2 * MAX_PAUSE_S + 1) == 0.0


def test_what_is_calm_for_long_enough_is_looked_at_at_once() -> None:
    patience = Patience()
    for number in range(10 * FREE):
        assert wait(patience, "/a", number * (CALM_S + 1)) == 0.0


def test_a_path_that_is_rewritten_in_a_loop_makes_no_other_wait() -> None:
    patience = Patience()
    _, now = rewritten(patience, "/home/eve/x", 0.0, FREE + 12)
    patience.changed(["/home/eve/x"], now)
    patience.changed(["/etc/passwd"], now)
    assert patience.told(now) == {"/etc/passwd"}
    assert now + 100 < patience.due() <= now + MAX_PAUSE_S
    assert patience.told(patience.due()) == {"/home/eve/x"}
    assert patience.due() == math.inf


def test_what_changes_again_while_it_waits_is_told_once() -> None:
    patience = Patience()
    _, now = rewritten(patience, "/a", 0.0, FREE + 5)
    patience.changed(["/a"], now)
    due = patience.due()
    patience.changed(["/a"], now + 1.0)
    assert patience.due() == due
    assert patience.told(due) == {"/a"}
    assert patience.told(due + 1_000) == frozenset()


def test_a_pause_can_be_made_shorter() -> None:
    patience, now = Patience(), 0.0
    for _ in range(20):
        now += wait(patience, "*", now, 10.0)
    assert wait(patience, "*", now, 10.0) == 10.0


def test_what_is_followed_no_longer_is_not_told() -> None:
    patience = Patience()
    patience.changed(["/a", "/b"], 1.0)
    patience.keep(frozenset({"/b", "/c"}))
    assert patience.told(1.0) == {"/b"}


def test_however_many_change_little_is_remembered_and_no_pause_is_forgotten() -> None:
    patience = Patience()
    _, now = rewritten(patience, "/etc/fought-over", 0.0, FREE + 12)
    many = [f"/home/eve/{number}" for number in range(MAX_PATHS + 100)]
    for _ in range(5):
        patience.changed(many, now)
        late = frozenset(many) - patience.told(now)
        assert patience.told(now + CROWDED_S) == late
        now += CALM_S / 10
    assert len(patience._last) == MAX_PATHS
    assert wait(patience, "/etc/fought-over", now) > 100
    assert wait(patience, "/etc/other", now) == CROWDED_S
    now += 3 * MAX_PAUSE_S
    assert wait(patience, "/etc/other", now) == 0.0
    assert len(patience._last) < 10

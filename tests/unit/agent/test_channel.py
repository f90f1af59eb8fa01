"""The channel's back-off: it grows with what fails, and not with what the agent ends by itself."""

from __future__ import annotations

import pytest

from agent.channel import (
    BACKOFF_BASE_S,
    BACKOFF_CAP_S,
    GREETING_S,
    MAX_RETURN_S,
    REFUSED_CAP_S,
    SILENCE_BEATS,
    Channel,
)


def _waits(channel: Channel, times: int, *, doubting: bool) -> list[float]:
    waits, now = [], 0.0
    channel.start(now)
    for _ in range(times):
        channel.wake(now)
        channel.connected(now)
        channel.welcomed(now)
        if doubting:
            channel.again("to see whether the server can still be reached", now)
        channel.disconnected("gone", now)
        waits.append(channel.due() - now)
        now = channel.due()
    return waits


def test_a_fresh_connection_that_the_agent_wants_is_there_soon_however_often_it_wants_one() -> None:
    assert _waits(Channel(lambda: 1.0), 6, doubting=True) == [BACKOFF_BASE_S] * 6


def test_connections_that_do_not_last_are_waited_for_longer_and_longer() -> None:
    assert _waits(Channel(lambda: 1.0), 4, doubting=False) == [1.0, 2.0, 4.0, 8.0]


def _open(random: float, return_s: float) -> Channel:
    channel = Channel(lambda: random)
    channel.start(0.0)
    channel.wake(0.0)
    channel.connected(0.0)
    channel.set_return(return_s)
    channel.welcomed(0.0)
    return channel


def _fail(channel: Channel, now: float, times: int, *, goodbye: bool = False) -> list[float]:
    """A loss, and attempts that come to nothing; how long each is waited for."""
    waits = []
    for _ in range(times):
        channel.disconnected("refused", now, goodbye=goodbye)
        waits.append(channel.due() - now)
        now, goodbye = channel.due(), False
        channel.wake(now)
    return waits


@pytest.mark.parametrize("random", [0.0, 0.25, 1.0])
def test_a_connection_that_broke_is_tried_at_once_and_then_over_the_time_that_the_server_named(random: float) -> None:
    waits = _fail(_open(random, 33.0), 20.0, 8)
    assert waits == pytest.approx([BACKOFF_BASE_S * random] + [33.0 * random] * 7)


@pytest.mark.parametrize("random", [0.0, 0.25, 1.0])
def test_a_fleet_whose_server_says_goodbye_spreads_each_attempt_over_the_time_that_it_named(random: float) -> None:
    waits = _fail(_open(random, 33.0), 20.0, 8, goodbye=True)
    assert waits == pytest.approx([33.0 * random] * 8)


def test_a_small_fleet_does_not_wait_for_long_however_long_nobody_was_there() -> None:
    assert _fail(_open(1.0, 0.4), 20.0, 8) == [1.0, 2.0, 4.0, 8.0] + [REFUSED_CAP_S] * 4


def test_a_server_that_takes_connections_and_greets_nobody_is_left_alone_for_longer_and_longer() -> None:
    channel, waits = _open(1.0, 33.0), []
    now = 20.0
    for _ in range(8):
        channel.disconnected("closed before it greeted", now)
        waits.append(channel.due() - now)
        now = channel.due()
        channel.wake(now)
        channel.connected(now)
    assert waits == [1.0] + [33.0] * 5 + [BACKOFF_CAP_S] * 2


def test_a_server_that_takes_the_connection_and_never_greets_is_waited_for_as_one_that_refuses() -> None:
    channel = _open(1.0, 33.0)
    assert _fail(channel, 20.0, 1) == [BACKOFF_BASE_S]
    channel.connected(21.0)
    assert channel.wake(21.0 + GREETING_S)
    assert _fail(channel, 21.0 + GREETING_S, 1) == [33.0]


def test_once_it_is_welcomed_again_the_loss_is_over() -> None:
    channel = _open(1.0, 33.0)
    assert _fail(channel, 20.0, 2) == [BACKOFF_BASE_S, 33.0]
    channel.connected(60.0)
    channel.welcomed(60.0)
    assert _fail(channel, 80.0, 2) == [BACKOFF_BASE_S, 33.0]


@pytest.mark.parametrize(("named", "spread"), [(-5.0, 1.0), (0.0, 1.0), (0.3, 1.0), (1e9, MAX_RETURN_S)])
def test_no_server_keeps_agents_away_for_long_or_calls_them_back_at_once(named: float, spread: float) -> None:
    assert _fail(_open(1.0, named), 20.0, 1, goodbye=True) == [spread]


def test_a_server_that_names_no_time_is_waited_for_as_after_any_failure() -> None:
    assert _fail(_open(1.0, 0.0), 20.0, 4) == [1.0, 2.0, 4.0, 8.0]


def test_a_connection_that_the_agent_ends_itself_is_not_waited_for_as_the_fleet_is() -> None:
    channel = _open(1.0, 33.0)
    channel.again("to see whether the server can still be reached", 20.0)
    assert _fail(channel, 20.0, 3) == [1.0, 2.0, 4.0]
    channel.connected(40.0)
    channel.again("to see whether the server can still be reached", 40.0)  # before it counts as welcomed
    assert _fail(channel, 40.0, 1) == [8.0]
    channel.wake(48.0)
    channel.connected(48.0)
    channel.welcomed(48.0)
    assert _fail(channel, 68.0, 2) == [1.0, 33.0]
    channel = _open(1.0, 33.0)
    channel.wake(60.0 * SILENCE_BEATS)
    assert _fail(channel, 60.0 * SILENCE_BEATS, 2) == [1.0, 33.0]


def test_who_wants_a_fresh_connection_while_it_waits_for_its_turn_does_not_wait_for_that() -> None:
    channel = _open(1.0, 33.0)
    channel.disconnected("the server stops", 20.0, goodbye=True)
    assert channel.due() == 53.0
    assert channel.again("to see whether the server can still be reached", 22.0) == []
    assert channel.due() == 22.0 + BACKOFF_BASE_S

"""The channel's back-off: it grows with what fails, and not with what the agent ends by itself."""

from __future__ import annotations

from agent.channel import BACKOFF_BASE_S, Channel


def _waits(channel: Channel, times: int, *, doubting: bool) -> list[float]:
    waits, now = [], 0.0
    channel.start(now)
    for _ in range(times):
        channel.wake(now)
        channel.connected(now)
        channel.welcomed(now)
        if doubting:
            channel.again("to see whether the server can still be reached")
        channel.disconnected("gone", 0.0, now)
        waits.append(channel.due() - now)
        now = channel.due()
    return waits


def test_a_fresh_connection_that_the_agent_wants_is_there_soon_however_often_it_wants_one() -> None:
    assert _waits(Channel(lambda: 1.0), 6, doubting=True) == [BACKOFF_BASE_S] * 6


def test_connections_that_do_not_last_are_waited_for_longer_and_longer() -> None:
    assert _waits(Channel(lambda: 1.0), 4, doubting=False) == [1.0, 2.0, 4.0, 8.0]

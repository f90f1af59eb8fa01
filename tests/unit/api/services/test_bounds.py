"""What bounds things: token buckets, the event bus, password checks."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.services.events import MAX_LISTENERS, MAX_WAITING, Event, Events, TooManyListeners
from api.services.limits import Buckets
from api.services.passwords import MAX_WAITING as MAX_CHECKS
from api.services.passwords import Passwords, TooManyChecks
from tests.server import FakeClock


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    clock = FakeClock()
    buckets = Buckets(2.0, 5.0, clock.monotonic)
    assert [buckets.spend("a") for _ in range(6)] == [True] * 5 + [False]
    assert buckets.wait_s("a") == pytest.approx(0.5)
    assert buckets.wait_s("b") == 0
    clock.advance(0.5)
    assert [buckets.spend("a"), buckets.spend("a")] == [True, False]
    clock.advance(3600)
    assert [buckets.spend("a") for _ in range(6)] == [True] * 5 + [False]


def test_what_is_given_back_can_be_spent_again_and_no_more_than_the_burst() -> None:
    buckets = Buckets(1.0, 2.0, FakeClock().monotonic)
    assert buckets.spend("a")
    for _ in range(5):
        buckets.refund("a")
    assert [buckets.spend("a") for _ in range(3)] == [True, True, False]


@given(keys=st.lists(st.text(max_size=3), max_size=200))
def test_there_are_never_more_buckets_than_fit(keys: list[str]) -> None:
    buckets = Buckets(1.0, 1.0, FakeClock().monotonic, keys=7)
    for key in keys:
        buckets.spend(key)
    assert len(buckets) <= 7


@given(
    steps=st.lists(st.tuples(st.floats(0, 10), st.integers(0, 20)), max_size=30),
    rate=st.floats(0.1, 50),
    burst=st.integers(1, 30),
)
def test_nobody_ever_gets_more_than_burst_and_rate(steps: list[tuple[float, int]], rate: float, burst: int) -> None:
    clock = FakeClock()
    buckets = Buckets(rate, burst, clock.monotonic)
    begun, spent = clock.monotonic(), 0
    for seconds, tries in steps:
        clock.advance(seconds)
        spent += sum(buckets.spend("a") for _ in range(tries))
        assert spent <= burst + (clock.monotonic() - begun) * rate + 1e-3


def test_a_tap_misses_no_event_of_its_topics_however_many_come_at_once() -> None:
    events, taken = Events(), []
    with events.tap(lambda event: taken.append(event.data["id"]), "run."):
        for number in range(1_000):
            events.publish("run.finished", id=number)
            events.publish("revision.in_force", id=-1)
    events.publish("run.finished", id=-2)

    assert taken == list(range(1_000))


def test_events_reach_those_who_listen_to_their_topic() -> None:
    async def scene() -> list[list[str]]:
        events = Events()
        with events.listen("run.") as runs, events.listen("revision.in_force") as one, events.listen() as everything:
            for topic in ("run.started", "run.finished", "revision.in_force", "revision.failed", "runny"):
                events.publish(topic, id=1)
            listeners = (runs, one, everything)
            heard = [
                [(await anext(listener)).topic for _ in range(count)]
                for listener, count in zip(listeners, (2, 1, 5), strict=True)
            ]
        events.publish("run.started")
        return heard

    assert asyncio.run(scene()) == [
        ["run.started", "run.finished"],
        ["revision.in_force"],
        ["run.started", "run.finished", "revision.in_force", "revision.failed", "runny"],
    ]


def test_a_slow_listener_loses_its_oldest_events_and_is_told() -> None:
    async def scene() -> tuple[Event, int]:
        events = Events()
        with events.listen("n") as listener:
            for number in range(MAX_WAITING + 10):
                events.publish("n", number=number)
            return await anext(listener), listener.missed

    assert asyncio.run(scene()) == (Event("n", {"number": 10}), 10)


def test_a_listener_waits_for_what_comes() -> None:
    async def scene() -> Event:
        events = Events()
        with events.listen("n") as listener:
            waiting = asyncio.ensure_future(anext(listener))
            await asyncio.sleep(0)
            assert not waiting.done()
            events.publish("n", number=1)
            return await waiting

    assert asyncio.run(scene()) == Event("n", {"number": 1})


def test_listeners_are_bounded_and_leave_with_their_block() -> None:
    async def scene() -> None:
        events = Events()
        opened = [events.listen("n") for _ in range(MAX_LISTENERS)]
        for one in opened:
            one.__enter__()
        with pytest.raises(TooManyListeners), events.listen("n"):
            pass
        for one in opened:
            one.__exit__(None, None, None)
        with events.listen("n"):
            pass

    asyncio.run(scene())


def test_a_password_is_known_by_its_hash_alone() -> None:
    passwords = Passwords(memory_kib=8, passes=1)
    hashed = passwords.hash_now("correct horse")
    assert hashed.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert "correct" not in hashed
    assert passwords.check_now("correct horse", hashed)
    assert not passwords.check_now("correct hors", hashed)
    assert not passwords.check_now("correct horse", None)
    assert not passwords.check_now("nobody has this password", None)
    assert not passwords.check_now("x", "not a hash")
    assert passwords.is_outdated(hashed) is False
    assert Passwords(memory_kib=16, passes=1).is_outdated(hashed)
    passwords.close()


def test_one_check_too_many_is_refused_and_the_others_are_made() -> None:
    async def scene() -> list[bool | BaseException]:
        passwords = Passwords(memory_kib=8, passes=1)
        hashed = passwords.hash_now("x")
        asked = [passwords.check("x", hashed) for _ in range(MAX_CHECKS + 3)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        passwords.close()
        return answers

    answers = asyncio.run(scene())
    assert answers.count(True) == MAX_CHECKS
    assert [type(answer) for answer in answers if answer is not True] == [TooManyChecks] * 3


def test_the_default_check_stays_under_the_bound_of_an_unauthenticated_request() -> None:
    hashed = Passwords().hash_now("x")
    assert "$m=12288,t=3,p=1$" in hashed

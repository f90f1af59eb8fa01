"""Desks: so much at once, so much waiting, the rest refused; and nothing that goes wrong takes a seat for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from api.services.desks import Desk, QuestionsBusy

PATIENCE_S = 20.0


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk("test", at_once=1, waiting=1)
    yield made
    made.close()


class Held:
    """Work that ends when it is told to."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.ended = threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.ended.wait(PATIENCE_S)
        return "done"


def test_who_comes_when_the_seats_and_the_queue_are_full_is_refused_at_once(desk: Desk) -> None:
    async def story() -> None:
        first, second = Held(), Held()
        one = asyncio.create_task(desk.run(first))
        await asyncio.to_thread(first.begun.wait, PATIENCE_S)
        two = asyncio.create_task(desk.run(second))
        await asyncio.sleep(0)
        with pytest.raises(QuestionsBusy) as refused:
            await desk.run(lambda: "three")
        assert refused.value.retry_after_s == 2.0
        assert not second.begun.is_set()
        first.ended.set()
        second.ended.set()
        assert (await one, await two, await desk.run(lambda: "three")) == ("done", "done", "three")

    asyncio.run(story())


def test_work_counts_until_it_ends_though_nobody_waits_for_it_any_more(desk: Desk) -> None:
    async def story() -> None:
        first, second = Held(), Held()
        for work in (first, second):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await desk.run(work)
        # What waited has gone with who asked; what was under way, if it was, has not.
        first.ended.set()
        second.ended.set()
        await desk.run(lambda: None)

        third = Held()
        asking = asyncio.create_task(desk.run(third))
        await asyncio.to_thread(third.begun.wait, PATIENCE_S)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        waiting = asyncio.create_task(desk.run(lambda: "next"))
        await asyncio.sleep(0)
        with pytest.raises(QuestionsBusy):
            await desk.run(lambda: None)
        third.ended.set()
        assert await waiting == "next"

    asyncio.run(story())


def test_what_fails_gives_its_seat_back(desk: Desk) -> None:
    def fails() -> None:
        raise ZeroDivisionError

    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            asyncio.run(desk.run(fails))
    assert asyncio.run(desk.run(lambda: "free")) == "free"

"""A followed ref that is deleted is told once, and again when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from reconciler.repository import watching, write
from reconciler.repository.faults import FetchFailed, RefGone
from reconciler.repository.repository import Repository
from schema.errors import Fault

AUTHOR = write.Author("Jane Doe", "jane@example.com")


class Followed:
    """What a watch gave and told, by name."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.told: list[str] = []

    def fault(self, fault: Fault | None) -> None:
        self.told.append(type(fault).__name__)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not holds():  # noqa: ASYNC110 - what is waited for is in a thread of somebody else
                await asyncio.sleep(0.005)


def run(followed: Followed, watch: Callable[[], AsyncIterator[str]], story: Callable[[], Awaitable[None]]) -> None:
    async def follow(stream: AsyncIterator[str]) -> None:
        async for commit in stream:
            followed.seen.append(commit)

    async def main() -> None:
        stream = watch()
        following = asyncio.create_task(follow(stream))
        await story()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(main())


def test_a_local_ref_that_is_deleted_is_told_once_and_so_is_its_return(bare: Repository) -> None:
    followed = Followed()
    first = write.commit(bare, "main", {"a": b"1"}, AUTHOR, "One")

    async def story() -> None:
        await followed.until(lambda: followed.seen == [first])
        bare.git.references.delete("refs/heads/main")
        await followed.until(lambda: followed.told == [RefGone.__name__])
        await asyncio.sleep(0.1)
        assert followed.told == [RefGone.__name__]
        second = write.commit(bare, "main", {"a": b"2"}, AUTHOR, "Two")
        await followed.until(lambda: followed.seen == [first, second])
        await followed.until(lambda: followed.told == [RefGone.__name__, "NoneType"])

    run(followed, lambda: bare.watch("main", poll_s=0.02, on_fault=followed.fault), story)


@pytest.mark.parametrize("known", [False, True])
def test_one_that_is_not_there_is_missed_only_where_it_was_before(bare: Repository, known: bool) -> None:
    followed = Followed()

    async def story() -> None:
        if known:
            await followed.until(lambda: bool(followed.told))
        await asyncio.sleep(0.15)

    run(followed, lambda: bare.watch("main", poll_s=0.02, on_fault=followed.fault, known=known), story)
    assert followed.told == ([RefGone.__name__] if known else [])


def test_a_remote_ref_that_is_deleted_is_told_once_also_after_a_fetch_that_failed() -> None:
    followed = Followed()
    answers: list[str | Fault | None] = ["a" * 40, None, None, FetchFailed("silent"), None, "a" * 40, "b" * 40]

    def look() -> str | None:
        answer = answers.pop(0) if answers else "b" * 40
        if isinstance(answer, Fault):
            raise answer
        return answer

    poke = watching.Poke()
    options = {"poll_s": 0.001, "on_fault": followed.fault, "random": lambda: 0.0}
    run(
        followed,
        lambda: watching.remote(lambda: None, look, poke, **options),  # type: ignore[arg-type]
        lambda: followed.until(lambda: len(followed.seen) == 2),
    )
    assert followed.seen == ["a" * 40, "b" * 40]
    assert followed.told == ["RefGone", "FetchFailed", "RefGone", "NoneType"]

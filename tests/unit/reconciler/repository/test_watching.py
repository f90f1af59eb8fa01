"""A ref is followed through everything git does to the files it is kept in."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import pytest

from reconciler import repository
from reconciler.repository import write
from reconciler.repository.faults import RevisionRefused
from reconciler.repository.repository import Repository
from schema.errors import Fault

AUTHOR = write.Author("Jane Doe", "jane@example.com")
NO_POLL_S = 60.0


def commit(target: Repository, ref: str, content: object) -> str:
    return write.commit(target, ref, {"a.vgo": str(content).encode()}, AUTHOR, "change")


class Watched:
    """What one watch has yielded, read with a time limit."""

    def __init__(self, stream: AsyncIterator[str]) -> None:
        self.stream = stream

    async def next(self, within_s: float = 40.0) -> str:
        return await asyncio.wait_for(anext(self.stream), within_s)

    async def quiet(self, for_s: float = 0.2) -> None:
        with pytest.raises(TimeoutError):
            await self.next(for_s)


def run(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 50))


def test_a_local_commit_is_noticed_in_less_than_50_ms(bare: Repository) -> None:
    async def scenario() -> None:
        watched = Watched(bare.watch("main", poll_s=NO_POLL_S))
        last = commit(bare, "main", "first")
        assert await watched.next() == last
        delays = []
        for n in range(15):
            pending = asyncio.ensure_future(watched.next())
            await asyncio.sleep(0.02)
            new = await asyncio.to_thread(commit, bare, "main", n)
            moved = time.perf_counter()
            assert await pending == new
            delays.append(time.perf_counter() - moved)
        # The quickest: whatever the machine is busy with, no pause is made on purpose.
        assert min(delays) < 0.05

    run(scenario)


def test_a_ref_is_followed_through_packing_removal_and_return(work: Repository, git: Callable[..., str]) -> None:
    async def scenario() -> None:
        top = work.work_tree
        assert top is not None
        first = commit(work, "main", 1)
        watched = Watched(work.watch("refs/heads/team/x", poll_s=NO_POLL_S))
        waiting = asyncio.ensure_future(watched.next())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        git(top, "branch", "team/x", first)
        assert await waiting == first
        git(top, "pack-refs", "--all", "--prune")
        assert not (top / ".git/refs/heads/team").exists()
        second = commit(work, "main", 2)
        git(top, "branch", "-f", "team/x", second)
        assert await watched.next() == second
        git(top, "pack-refs", "--all", "--prune")
        git(top, "update-ref", "-d", "refs/heads/team/x")
        git(top, "branch", "team/x", first)
        assert await watched.next() == first
        # One packed form after another: only packed-refs changes.
        packed = top / ".git/packed-refs"
        git(top, "pack-refs", "--all", "--prune")
        new = top / ".git/packed-refs.new"
        new.write_text(packed.read_text().replace(f"{first} refs/heads/team/x", f"{second} refs/heads/team/x"))
        new.replace(packed)
        assert await watched.next() == second

    run(scenario)


def test_a_directory_that_is_another_one_of_the_same_name_is_watched_anew(bare: Repository) -> None:
    async def scenario() -> None:
        first = commit(bare, "team/x", 1)
        watched = Watched(bare.watch("team/x", poll_s=NO_POLL_S))
        assert await watched.next() == first
        pending = asyncio.ensure_future(watched.next())
        await asyncio.sleep(0.1)
        heads = bare.path / "refs/heads"
        shutil.copytree(heads / "team", heads / "new")
        (heads / "team").rename(heads / "old")
        (heads / "new").rename(heads / "team")
        await asyncio.sleep(0.2)
        assert not pending.done()
        second = commit(bare, "team/x", 2)
        assert await pending == second

    run(scenario)


def test_many_moves_end_at_the_last(bare: Repository) -> None:
    async def scenario() -> None:
        watched = Watched(bare.watch("main", poll_s=NO_POLL_S))
        commit(bare, "main", "first")
        await watched.next()
        last = ""
        for n in range(50):
            last = commit(bare, "main", n)
        while await watched.next() != last:
            pass

    run(scenario)


def test_head_follows_a_checkout_also_in_a_linked_work_tree(
    work: Repository, git: Callable[..., str], tmp_path: Path
) -> None:
    async def scenario() -> None:
        top = work.work_tree
        assert top is not None
        first = commit(work, "main", 1)
        git(top, "worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"))
        linked = repository.open(tmp_path / "linked")
        head = Watched(work.watch("HEAD", poll_s=NO_POLL_S))
        there = Watched(linked.watch("HEAD", poll_s=NO_POLL_S))
        assert await head.next() == await there.next() == first
        second = commit(linked, "other", 2)
        assert await there.next() == second
        third = commit(work, "main", 3)
        assert await head.next() == third
        git(tmp_path / "linked", "checkout", "-q", "--detach", third)
        assert await there.next() == third
        git(top, "checkout", "-q", "--detach", second)
        assert await head.next() == second

    run(scenario)


def test_what_is_written_beside_a_ref_is_no_move(work: Repository, git: Callable[..., str]) -> None:
    async def scenario() -> None:
        top = work.work_tree
        assert top is not None
        first = commit(work, "main", 1)
        watched = Watched(work.watch("main", poll_s=NO_POLL_S))
        assert await watched.next() == first
        pending = asyncio.ensure_future(watched.next())
        commit(work, "other", 2)
        git(top, "gc", "-q")
        git(top, "tag", "x")
        await asyncio.sleep(0.2)
        assert not pending.done()
        second = commit(work, "main", 3)
        assert await pending == second

    run(scenario)


def test_a_rewind_is_told_like_any_move_and_is_no_descent(work: Repository, git: Callable[..., str]) -> None:
    async def scenario() -> None:
        top = work.work_tree
        assert top is not None
        first = commit(work, "main", 1)
        second = commit(work, "main", 2)
        watched = Watched(work.watch("main", poll_s=NO_POLL_S))
        assert await watched.next() == second
        git(top, "reset", "-q", "--hard", first)
        assert await watched.next() == first
        assert not work.descends(first, second)

    run(scenario)


def test_the_poll_finds_what_no_event_told(work: Repository, git: Callable[..., str], tmp_path: Path) -> None:
    async def scenario() -> None:
        faults: list[Fault] = []
        commit(work, "main", 1)
        top = work.work_tree
        assert top is not None
        watched = Watched(work.watch("main", poll_s=0.1, on_fault=faults.append))
        await watched.next()
        pending = asyncio.ensure_future(watched.next())
        await asyncio.sleep(0.1)
        # The repository is away, and another with the same history is back in its place.
        shutil.copytree(work.path, tmp_path / "copy")
        shutil.rmtree(work.path)
        await asyncio.sleep(0.3)
        assert not pending.done()
        (tmp_path / "copy").rename(work.path)
        git(top, "commit", "-q", "--allow-empty", "-m", "after")
        assert await pending == git(top, "rev-parse", "main")

    run(scenario)


def test_a_ref_that_cannot_be_read_is_reported_and_watching_goes_on(bare: Repository) -> None:
    async def scenario() -> None:
        faults: list[Fault] = []
        commit(bare, "main", 1)
        watched = Watched(bare.watch("main", poll_s=0.1, on_fault=faults.append))
        await watched.next()
        pending = asyncio.ensure_future(watched.next())
        place = bare.path / "refs/heads/main"
        place.write_text("torn")
        while not faults:  # noqa: ASYNC110 - what is looked at tells nobody
            await asyncio.sleep(0.02)
        assert not pending.done()
        assert {fault.code for fault in faults} == {"repository.damaged"}
        place.unlink()
        second = commit(bare, "main", 2)
        assert await pending == second

    run(scenario)


def test_a_watch_ends_with_its_task_and_leaves_no_thread(bare: Repository) -> None:
    import threading

    async def scenario() -> None:
        commit(bare, "main", 1)
        watched = Watched(bare.watch("main", poll_s=NO_POLL_S))
        await watched.next()
        await watched.quiet()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("vigo-watch")]

    run(scenario)
    with pytest.raises(RevisionRefused):
        bare.watch("main@{1}")

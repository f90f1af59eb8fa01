"""A copy whose files are damaged, and a remote that changes while it is fetched: what was good stays, and it heals."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler import repository
from reconciler.repository import remotes, write
from reconciler.repository.faults import FetchFailed, FetchLimit, RepositoryDamaged
from reconciler.repository.proofs import Proofs
from reconciler.repository.repository import Repository
from reconciler.repository.watching import Round
from tests.unit.reconciler.repository.git_server import Authority, GitServer

AUTHOR = write.Author("Jane Doe", "jane@example.com")


def commit(target: Repository, content: object, ref: str = "main") -> str:
    files = {f"f{n}.vgo": f"{content} {n}\n".encode() * 50 for n in range(5)}
    return write.commit(target, ref, files, AUTHOR, "change")


def damage(place: Path) -> None:
    place.chmod(0o644)
    data = bytearray(place.read_bytes())
    data[12:-20] = bytes(len(data) - 32)
    place.write_bytes(data)


def pack_of(copy: Repository) -> Path:
    (found,) = (copy.path / "objects/pack").glob("*.pack")
    return found


def readable(copy: Repository, made: str) -> bool:
    proofs = Proofs(copy.path)
    try:
        proofs.first(made)
    except RepositoryDamaged:
        return False
    finally:
        proofs.close()
    return True


def test_a_copy_that_is_doubted_is_fetched_whole_and_healed(opened: Repository, origin: Repository) -> None:
    first = commit(origin, 1)
    opened.fetch()
    damage(pack_of(opened))
    assert not readable(opened, first)
    assert opened.copy is not None
    opened.fetch()
    assert not readable(opened, first)
    opened.copy.doubt()
    opened.fetch()
    assert readable(opened, first)
    assert repository.open(opened.path).tree(first).commit == first


def test_what_was_open_before_reads_the_healed_copy(opened: Repository, origin: Repository) -> None:
    copy = opened.copy
    assert copy is not None
    proofs = Proofs(opened.path)
    proofs.on_damage, proofs.on_healed = copy.doubt, opened.refresh
    first = commit(origin, 1)
    opened.fetch()
    proofs.first(first)
    known = set((opened.path / "objects/pack").glob("*.pack"))
    assert opened.tree(first).commit == first
    second = commit(origin, 2)
    opened.fetch()
    (fresh,) = set((opened.path / "objects/pack").glob("*.pack")) - known
    damage(fresh)
    for _ in range(2):
        with pytest.raises(RepositoryDamaged):
            proofs.first(second)
        with pytest.raises(RepositoryDamaged):
            opened.tree(second).entries()
    opened.fetch()
    proofs.first(second)
    tree = opened.tree(second)
    assert [len(tree.read(each.oid)) for each in tree.entries().values()] == [200] * 5
    proofs.close()


def test_a_copy_that_lacks_objects_of_its_own_refs_heals_by_itself(opened: Repository, origin: Repository) -> None:
    first = commit(origin, 1)
    opened.fetch()
    pack = pack_of(opened)
    pack.with_suffix(".idx").unlink()
    pack.unlink()
    opened.fetch()
    assert readable(opened, first)


@pytest.mark.parametrize("name", ["HEAD", "packed-refs", "config"])
def test_a_copy_with_garbage_for_one_of_its_files_heals_by_itself(
    tmp_path: Path, opened: Repository, origin: Repository, https: GitServer, authority: Authority, name: str
) -> None:
    first = commit(origin, 1)
    opened.fetch()
    (opened.path / name).write_bytes(b"\xff\0garbage\n[[[\n" * 10)
    again = repository.open(
        f"{https.url}/config.git", cache_dir=tmp_path / "cache", access=repository.Access(ca_file=authority.path)
    )
    again.fetch()
    assert again.resolve("main") == first
    assert readable(again, first)


def test_a_copy_that_keeps_failing_is_fetched_anew_but_not_over_and_over(
    opened: Repository, origin: Repository, https: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(origin, 1)
    opened.fetch()
    https.garbage = True
    for _ in range(remotes.FAILURES + 1):
        with pytest.raises(FetchFailed):
            opened.fetch()
    https.garbage = False
    damage(pack_of(opened))
    assert opened.copy is not None
    opened.copy.doubt()
    second = commit(origin, 2)
    # It was tried anew, in vain, a moment ago: not again so soon.
    with pytest.raises(FetchFailed):
        opened.fetch()
    monkeypatch.setattr(remotes, "RENEW_EVERY_S", 0.0)
    opened.fetch()
    assert opened.resolve("main") == second
    assert readable(opened, second)


def test_n22_a_branch_that_is_forced_while_it_is_fetched_gives_one_history_or_the_other(
    opened: Repository, origin: Repository, https: GitServer, git: Callable[..., str]
) -> None:
    first = commit(origin, 1)
    opened.fetch()
    announced = commit(origin, 2)

    def force() -> None:
        git(origin.path, "update-ref", "refs/heads/main", first)
        commit(origin, "forced")
        git(origin.path, "reflog", "expire", "--expire=now", "--all")
        git(origin.path, "gc", "-q", "--prune=now")

    https.between = force
    try:
        opened.fetch()
    except FetchFailed:
        assert opened.resolve("main") == first
    else:
        assert opened.resolve("main") == announced
    assert readable(opened, opened.resolve("main"))
    opened.fetch()
    forced = opened.resolve("main")
    assert forced not in (first, announced)
    assert readable(opened, forced)
    assert not opened.descends(forced, announced)


def test_n20_a_remote_that_hangs_after_it_was_reached_is_given_up(tmp_path: Path, authority: Authority) -> None:
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)

        def accept() -> None:
            held.append(listener.accept()[0])

        accepting = threading.Thread(target=accept)
        accepting.start()
        copy = repository.open(
            f"https://localhost:{listener.getsockname()[1]}/config.git",
            cache_dir=tmp_path,
            access=repository.Access(ca_file=authority.path),
            limits=repository.FetchLimits(wall_s=1.0),
        )
        with pytest.raises(FetchLimit, match="longer than 1 s"):
            copy.fetch()
        accepting.join()
    for each in held:
        each.close()


def test_each_fetch_is_told_and_pokes_cost_one_a_second(
    opened: Repository, origin: Repository, https: GitServer
) -> None:
    async def scenario() -> None:
        rounds: list[Round] = []
        failed = threading.Event()

        def told(each: Round) -> None:
            rounds.append(each)
            if each.fault is not None:
                failed.set()

        first = await asyncio.to_thread(commit, origin, 1)
        stream = opened.watch("main", poll_s=60.0, on_round=told)
        assert await anext(stream) == first
        assert [(each.fault, each.commit) for each in rounds] == [(None, first)]
        assert 48 <= rounds[0].wait_s <= 72
        pending = asyncio.ensure_future(anext(stream))
        for _ in range(20):
            opened.poke()
            await asyncio.sleep(0.05)
        assert len(rounds) <= 3
        https.garbage = True
        opened.poke()
        await asyncio.to_thread(failed.wait, 20)
        assert rounds[-1].commit is None
        pending.cancel()
        await asyncio.gather(pending, return_exceptions=True)

    asyncio.run(asyncio.wait_for(scenario(), 30))

"""Preview refs: listed as they come and go, judged one by one, never before the tracked ref."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from api.services.graphs import ArchiveBusy
from api.services.sources import Board
from api.workers import sources
from api.workers.archive import Archive
from api.workers.sources import PreviewWatch
from reconciler import graph as graphs
from reconciler import repository
from reconciler.graph import Graph
from reconciler.repository import write
from reconciler.repository.faults import FetchFailed, RepositoryDamaged, TreeRefused
from reconciler.repository.repository import Repository
from reconciler.repository.selections import Selection
from schema.access import Role
from schema.sources import PreviewRef, PreviewState
from tests.server import Server

AUTHOR = write.Author("Jane", "jane@example.com")
GOOD = {
    "vigo.vgo": b"language: 1\n",
    "environments.vgo": b"environments: {production: {}}\n",
    "hosts.vgo": b'envoys:\n  - {match: "web*", environment: production, configcrates: [motd]}\n',
    "configcrates/motd.vgo": b"name: motd\nresources: [{name: d, type: directory, path: /etc/site}]\n",
}


@pytest.fixture(scope="module")
def lasting_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("server"))
    yield made
    made.services.desks.close()
    made.close()


@pytest.fixture
def server(lasting_server: Server) -> Server:
    """The file's server, that follows nothing yet."""
    lasting_server.services.sources = None
    return lasting_server


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    made = write.init(tmp_path / "repo", bare=True)
    write.commit(made, "main", GOOD, AUTHOR, "ours")
    return made


class Site:
    """A watch over a repository, with an archive that can be told to fail."""

    def __init__(self, server: Server, repo: Repository, *patterns: str) -> None:
        self.server, self.repo = server, repo
        self.services = server.services
        selection = Selection(patterns)
        self.board = Board(
            server.clock, location=str(repo.path), remote=False, track="main", preview=selection.patterns, poll_s=30
        )
        self.services.sources = self.board
        self.archive = Archive(repository.open(repo.path), graphs.Cache)
        self.free = asyncio.Event()
        self.free.set()
        self.asked: list[str] = []
        self.fault: Exception | None = None
        asked, archive = self.asked, self.archive
        site = self

        class Told:
            async def graph(self, commit: str) -> Graph:
                asked.append(commit)
                if site.fault is not None:
                    raise site.fault
                return await archive.graph(commit)

        self.watch = PreviewWatch(
            self.services,
            self.board,
            repository.open(repo.path),
            Told(),  # type: ignore[arg-type]  # what it asks for
            selection,
            tracked="refs/heads/main",
            idle=self.free.wait,
        )
        self.services.graph = graphs.compile_tree(repo.tree(repo.resolve("main"))).graph

    def commit(self, ref: str, text: str) -> str:
        if repository.open(self.repo.path).resolve("main") and f"refs/heads/{ref}" not in self.repo.git.references:
            self.repo.git.references.create(f"refs/heads/{ref}", self.repo.resolve("main"))
        return write.commit(self.repo, ref, {"configcrates/motd.vgo": text.encode()}, AUTHOR, f"to {ref}")

    async def until(self, holds: Callable[[dict[str, PreviewRef]], Any]) -> dict[str, PreviewRef]:
        async with asyncio.timeout(30):
            while not holds(found := {each.name: each for each in self.board.previews.values()}):  # noqa: ASYNC110 - a look
                await asyncio.sleep(0.01)
        return found


def run(site: Callable[[], Site], scenario: Callable[[Site], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        made = site()
        tasks = [asyncio.ensure_future(each) for each in (made.watch.look(), made.watch.judge())]
        try:
            await scenario(made)
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            made.watch.close()
            made.archive.close()

    asyncio.run(main())


GREETING = GOOD["configcrates/motd.vgo"].decode()


def test_a_ref_appears_is_judged_moves_and_is_gone(
    server: Server, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "LOOK_S", 60.0)  # it is looked at when somebody says so, and for that reason

    async def scenario(site: Site) -> None:
        bad = site.commit("pr/7", GREETING.replace("directory", "directry"))
        site.watch.poke()
        found = await site.until(lambda refs: refs and refs["pr/7"].state is PreviewState.INVALID)
        invalid = found["pr/7"]
        assert (invalid.commit, invalid.ref, invalid.author) == (bad, "refs/heads/pr/7", "Jane <jane@example.com>")
        assert invalid.errors == 1
        assert invalid.diagnostics[0].file == "configcrates/motd.vgo"
        good = site.commit("pr/7", GREETING.replace("/etc/site", "/etc/other"))
        site.watch.poke("hook:github x")
        found = await site.until(lambda refs: refs["pr/7"].outlook)
        valid, outlook = found["pr/7"], found["pr/7"].outlook
        assert outlook is not None
        assert (valid.commit, valid.state, valid.diagnostics) == (good, PreviewState.VALID, [])
        assert (outlook.against, outlook.changed, len(outlook.classes)) == (repo.resolve("main"), 1, 1)
        listed = (await asyncio.to_thread(server.get, "/api/v1/sources/refs?name=pr/7", role=Role.VIEWER)).json()
        assert listed["refs"][0]["outlook"]["classes"][0]["count"] == 1
        repo.git.references.delete("refs/heads/pr/7")
        site.watch.poke("hook:github y")
        await site.until(lambda refs: not refs)

    run(lambda: Site(server, repo, "pr/*"), scenario)
    moves = [event for event in server.audit() if event["type"] == "source_move"]
    assert [(event["object_type"], event["object_id"]) for event in moves] == [("ref", "refs/heads/pr/7")] * 2


def test_nothing_is_judged_while_the_loop_works_on_a_commit(server: Server, repo: Repository) -> None:
    async def scenario(site: Site) -> None:
        site.free.clear()
        site.commit("pr/1", GREETING)
        site.watch.poke()
        await site.until(lambda refs: "pr/1" in refs)
        await asyncio.sleep(0.2)
        assert site.asked == []
        site.free.set()
        await site.until(lambda refs: refs["pr/1"].state is PreviewState.VALID)

    run(lambda: Site(server, repo, "pr/*"), scenario)


def test_what_moved_last_is_judged_first_and_what_is_too_old_waits(
    server: Server, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MAX_JUDGED", 2)

    async def scenario(site: Site) -> None:
        site.free.clear()
        commits = {number: site.commit(f"pr/{number}", GREETING + f"# {number}\n") for number in (1, 2, 10)}
        site.watch.poke()
        await site.until(lambda refs: len(refs) == 3)
        newest = site.commit("pr/1", GREETING + "# again\n")
        site.watch.poke()
        refs = await site.until(lambda refs: refs["pr/1"].commit == newest)
        assert list(refs) == ["pr/1", "pr/10", "pr/2"]
        site.free.set()
        await site.until(lambda refs: [each.state for each in refs.values()].count(PreviewState.VALID) == 2)
        assert site.asked[:2] == [newest, commits[10]]
        assert site.board.previews["refs/heads/pr/2"].state is PreviewState.WAITING

    run(lambda: Site(server, repo, "pr/*"), scenario)


def test_another_commit_in_force_is_compared_with_anew(server: Server, repo: Repository) -> None:
    async def scenario(site: Site) -> None:
        site.commit("pr/1", GREETING.replace("/etc/site", "/etc/other"))
        site.watch.poke()
        first = (await site.until(lambda refs: refs and refs["pr/1"].outlook))["pr/1"].outlook
        commit = write.commit(repo, "main", {"configcrates/motd.vgo": GREETING.replace("/etc/site", "/etc/other").encode()}, AUTHOR, "x")  # fmt: skip
        site.services.graph = graphs.compile_tree(repository.open(repo.path).tree(commit)).graph
        refs = await site.until(lambda refs: refs["pr/1"].outlook != first)
        assert refs["pr/1"].outlook is not None
        assert (refs["pr/1"].outlook.against, refs["pr/1"].outlook.changed) == (commit, 0)

    run(lambda: Site(server, repo, "pr/*"), scenario)


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (TreeRefused("too many files"), PreviewState.UNREADABLE),
        (RepositoryDamaged("torn"), PreviewState.WAITING),
        (ArchiveBusy("others wait", retry_after_s=1.0), PreviewState.WAITING),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_judged_says_why_and_is_tried_again_where_that_may_pass(
    server: Server, repo: Repository, monkeypatch: pytest.MonkeyPatch, fault: Exception, state: PreviewState
) -> None:
    monkeypatch.setattr(sources, "AGAIN_S", 0.2)
    monkeypatch.setattr(sources, "LOOK_S", 0.05)

    async def scenario(site: Site) -> None:
        site.fault = fault
        site.commit("pr/1", GREETING)
        site.watch.poke()
        refs = await site.until(lambda refs: refs and refs["pr/1"].message)
        assert refs["pr/1"].state is state
        site.fault = None
        if state is PreviewState.WAITING:
            refs = await site.until(lambda refs: refs["pr/1"].state is PreviewState.VALID)
            assert refs["pr/1"].message == ""

    run(lambda: Site(server, repo, "pr/*"), scenario)


def test_without_patterns_nothing_is_looked_at(server: Server, repo: Repository) -> None:
    async def scenario(site: Site) -> None:
        site.commit("pr/1", GREETING)
        site.watch.poke()
        await asyncio.sleep(0.1)
        assert site.board.previews == {}

    run(lambda: Site(server, repo), scenario)


def test_the_board_says_since_when_it_cannot_be_read_and_of_which_commit(server: Server) -> None:
    clock = server.clock
    board = Board(clock, location="https://h/x", remote=True, track="main", preview=(), poll_s=30)
    server.services.sources = board

    def state() -> dict[str, Any]:
        found: dict[str, Any] = server.get("/api/v1/sources", role=Role.VIEWER).json()
        return found

    assert (state()["state"], state()["polling"]["failures"]) == ("waiting", 0)
    board.read("a" * 40)
    board.again_in(25)
    assert (state()["state"], state()["polling"]["next_at"]) == ("reading", "2026-11-22T12:00:25Z")
    clock.advance(60)
    for _ in range(3):
        board.failed(FetchFailed("it is silent"))
        clock.advance(10)
    error = state()["error"]
    assert error == {"code": "repository.fetch_failed", "message": "it is silent", "since": "2026-11-22T12:01:00Z"}
    assert state()["polling"]["failures"] == 3
    told = server.get("/api/v1/config/status", role=Role.VIEWER).json()
    assert (told["healthy"], told["unreadable"]) == (False, "the repository cannot be read: it is silent")
    board.read("b" * 40)
    assert state()["error"] is None
    # What was found of another commit, and what is wrong with the commit itself, is no fault of the source.
    board.unread = lambda: ("a" * 40, RepositoryDamaged("torn"))
    assert state()["state"] == "reading"
    board.unread = lambda: ("b" * 40, TreeRefused("too many"))
    assert state()["state"] == "reading"
    board.unread = lambda: ("b" * 40, RepositoryDamaged("torn"))
    assert (state()["state"], state()["error"]["code"]) == ("unreadable", "repository.damaged")


def test_a_server_that_follows_nothing_says_so(server: Server) -> None:
    assert server.get("/api/v1/sources", role=Role.VIEWER).json()["state"] == "none"
    assert server.get("/api/v1/sources/refs", role=Role.VIEWER).json() == {"refs": [], "count": 0, "left_out": 0}

"""The compiler's thread begins where the last process was, and finds what it would have found by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from api.workers.compiler import Compiler, GraphPlan
from reconciler import graph, repository
from reconciler.loop import effects, events
from reconciler.repository import write
from reconciler.repository.repository import Repository
from tests.bench.generate import files_of

AUTHOR = write.Author("ada", "ada@example.com")
FILES = files_of(files=60, hosts=120)


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    opened = write.init(tmp_path / "repo")
    write.commit(opened, "HEAD", FILES.files, AUTHOR, "a company")
    return opened


def compiled(repo: Repository, kept: Path | None) -> events.Event:
    """What a process of its own makes of the head, which does all that it puts off, too."""

    async def run() -> events.Event:
        compiler = Compiler(repository.open(repo.path), kept)
        found = await compiler.compile(effects.Compile(repo.resolve("HEAD"), None))
        compiler._thread.shutdown(wait=True)
        return found

    return asyncio.run(run())


def plan(found: events.Event) -> GraphPlan:
    assert isinstance(found, events.Compiled)
    assert isinstance(found.plan, GraphPlan)
    return found.plan


def test_a_new_process_finds_the_same_for_the_same_commit_and_the_next(repo: Repository, tmp_path: Path) -> None:
    kept = tmp_path / "data" / "compiled"
    first = plan(compiled(repo, kept))
    assert kept.is_file()
    again = plan(compiled(repo, kept))
    assert again.plan_root == first.plan_root
    assert again.desired(FILES.hostnames) == first.desired(FILES.hostnames)
    path = next(path for path in FILES.files if "/leaf" in path)
    write.commit(repo, "HEAD", {path: FILES.files[path].replace(b"info", b"debug")}, AUTHOR, "debug")
    after = plan(compiled(repo, kept))
    cold = graph.compile_tree(repo.tree(repo.resolve("HEAD"))).graph
    assert cold is not None
    assert after.plan_root == cold.plan_root != first.plan_root
    assert [each.catalog_body for each in after.graph.order] == [each.catalog_body for each in cold.order]


def test_what_is_kept_is_not_needed(repo: Repository, tmp_path: Path) -> None:
    kept = tmp_path / "compiled"
    kept.write_bytes(b"not one of ours")
    assert plan(compiled(repo, kept)).plan_root == plan(compiled(repo, None)).plan_root
    assert kept.read_bytes() != b"not one of ours"

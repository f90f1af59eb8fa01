"""Compile a generated repository of 5,000 files and assign 10,000 hosts: cold, and after a commit that changes one file.

Twice: where every team has match blocks of its own (the most profiles that so many files can make), and where a few
hundred profiles are shared, as fleets usually have it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from reconciler import graph, repository
from reconciler.repository import Repository, write
from tests.bench.figures import Figure, best, middle
from tests.bench.generate import Generated, generate

FILES = 5_000
HOSTS = 10_000
AUTHOR = write.Author("bench", "bench@example.com")


def run() -> Iterable[Figure]:
    for profiles, kind in ((300, "300 profiles"), (None, "as many profiles as fit")):
        with tempfile.TemporaryDirectory(prefix="vigo-bench-") as place:
            path = Path(place) / "repo"
            yield from _measure(path, generate(path, files=FILES, hosts=HOSTS, profiles=profiles), kind)


def _measure(path: Path, made: Generated, kind: str) -> Iterable[Figure]:
    def cold() -> tuple[Repository, graph.Cache]:
        opened, cache = repository.open(path), graph.Cache()
        _compile(opened, opened.resolve("HEAD"), cache, made)
        return opened, cache

    yield Figure(
        name=f"compile {FILES} files, assign {HOSTS} hosts, cold ({kind})",
        value=best(cold, times=3),
        unit="s",
        target=3.0,
    )
    opened, cache = cold()
    crate = next(name for name in sorted(made.files) if name.startswith("configcrates/"))
    commits = [
        write.commit(opened, "HEAD", {crate: made.files[crate] + f"# {turn}\n".encode()}, AUTHOR, "one file")
        for turn in range(7)
    ]
    turns = iter(commits)
    yield Figure(
        name=f"the same after a one-file commit ({kind})",
        value=middle(lambda: _compile(opened, next(turns), cache, made), times=len(commits)) * 1e3,
        unit="ms",
        target=50.0,
    )


def _compile(opened: Repository, commit: str, cache: graph.Cache, made: Generated) -> None:
    compilation = graph.compile_tree(opened.tree(commit), cache)
    assert compilation.graph is not None, compilation.diagnostics[:3]
    compilation.graph.assign(made.hostnames)

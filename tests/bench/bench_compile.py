"""Compile a generated repository of 5,000 files and assign 10,000 hosts: cold, and after a commit that changes one file."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Iterable
from pathlib import Path

from reconciler import graph, repository
from reconciler.repository import write
from tests.bench.figures import Figure, best
from tests.bench.generate import generate

FILES = 5_000
HOSTS = 10_000


def run() -> Iterable[Figure]:
    with tempfile.TemporaryDirectory(prefix="vigo-bench-") as place:
        yield from _measure(Path(place))


def _measure(place: Path) -> Iterable[Figure]:
    generated = generate(place / "repo", files=FILES, hosts=HOSTS)
    hosts = list(generated.hostnames)

    def cold() -> tuple[graph.Compilation, graph.Cache, repository.Repository]:
        opened = repository.open(place / "repo")
        cache = graph.Cache()
        compilation = graph.compile_tree(opened.tree(opened.resolve("HEAD")), cache)
        assert compilation.graph is not None, compilation.diagnostics[:3]
        compilation.graph.assign(hosts)
        return compilation, cache, opened

    gc.collect()
    cold_s = best(cold, times=3)
    yield Figure(name=f"compile {FILES} files, assign {HOSTS} hosts, cold", value=cold_s, unit="s", target=3.0)

    _, cache, opened = cold()
    crate = next((place / "repo" / "configcrates").rglob("*.vgo"))
    path = crate.relative_to(place / "repo").as_posix()
    text = crate.read_text()
    timings = []
    for turn in range(5):
        commit = write.commit(
            opened, opened.resolve_ref("HEAD"), {path: f"{text}\n# {turn}\n".encode()}, author="bench", message="one"
        )

        def warm(commit: str = commit) -> None:
            compilation = graph.compile_tree(opened.tree(commit), cache)
            assert compilation.graph is not None
            compilation.graph.assign(hosts)

        timings.append(best(warm, times=1))
    yield Figure(name="the same after a one-file commit", value=sorted(timings)[2] * 1e3, unit="ms", target=50.0)

"""A fork of a cache compiles another tree, in another thread, and neither changes what the other finds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import graph
from reconciler.graph import Cache, Compilation
from tests.bench.generate import files_of
from tests.effort import tries
from tests.factories.trees import tree
from tests.unit.reconciler.graph.test_incremental import VARIANTS, at, edits, meaning, told

Changes = list[tuple[str, int]]


def edited(files: dict[str, str | None], changes: Changes) -> dict[str, str | None]:
    return {**files, **{path: VARIANTS[path][index] for path, index in changes}}


def same(one: Compilation, other: Compilation) -> bool:
    return told(one) == told(other) and meaning(one) == meaning(other)


@settings(max_examples=tries(6, 750))
@given(
    st.lists(edits, max_size=4),
    st.lists(st.tuples(st.booleans(), st.lists(edits, min_size=1, max_size=3)), min_size=1, max_size=6),
)
def test_a_fork_and_its_origin_each_find_what_a_cold_compile_finds(
    before: Changes, after: list[tuple[bool, Changes]]
) -> None:
    origin = Cache()
    files = {path: variants[0] for path, variants in VARIANTS.items()}
    graph.compile_tree(at(files), origin)
    files = edited(files, before)
    graph.compile_tree(at(files), origin)
    caches, lines = [origin, origin.fork()], [files, files]
    for in_fork, changes in after:
        lines[in_fork] = edited(lines[in_fork], changes)
        assert same(graph.compile_tree(at(lines[in_fork]), caches[in_fork]), graph.compile_tree(at(lines[in_fork])))
    for cache, line in zip(caches, lines, strict=True):
        assert same(graph.compile_tree(at(line), cache), graph.compile_tree(at(line)))


def test_a_fork_reads_only_what_its_tree_has_changed() -> None:
    files = dict(files_of(files=250, hosts=500).files)
    cache = Cache()
    before = graph.compile_tree(tree(files), cache).graph
    assert before is not None
    crate = next(iter(before.profiles.values())).crates.linked[0].crate.document.path
    changed = tree({**files, crate: b"# all lines move\n" + files[crate]})
    preview = graph.compile_tree(changed, cache.fork()).graph
    assert preview is not None
    assert len(changed.reads) == 1
    assert preview.plan_root != before.plan_root
    again = tree(files)
    kept = graph.compile_tree(again, cache).graph
    assert kept is not None
    assert again.reads == []
    assert all(profile is before.profiles[id_] for id_, profile in kept.profiles.items())


def test_forks_compile_at_the_same_time() -> None:
    files = dict(files_of(files=250, hosts=500).files)
    cache = Cache()
    graph.compile_tree(tree(files), cache)
    branches = []
    for number in range(8):
        path = f"configcrates/area{number}/crate{number}.vgo"
        branches.append(tree({**files, path: files[path] + b"# more\n", "common.vgo": b"vars: {vlan: %d}\n" % number}))
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda branch: graph.compile_tree(branch, cache.fork()), branches))
    for branch, each in zip(branches, found, strict=True):
        cold = graph.compile_tree(branch)
        assert told(each) == told(cold)
        assert each.graph is None if cold.graph is None else each.graph.plan_root == cold.graph.plan_root  # type: ignore[union-attr]

"""Whatever stands in a tree, compiling it ends, with a graph or with words; and it leaves nothing behind."""

from __future__ import annotations

import gc
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import graph
from reconciler.graph import Cache
from tests.effort import tries
from tests.factories.trees import MemoryTree
from tests.unit.reconciler.graph.test_cases import CASES, read

EXAMPLES = Path(__file__).parents[4] / "examples" / "repo"
FILES = {path.relative_to(EXAMPLES).as_posix(): path.read_bytes() for path in EXAMPLES.rglob("*") if path.is_file()}
TREES = [
    FILES,
    *(
        {"vigo.vgo": b"language: 1\n", **read(case)[0]}
        for case in sorted(CASES.glob("*.txt"))
        if case.stem != "file.too-large"
    ),
]
PIECES = [
    *(
        b"{{ }} {% %} : - [ ] { } null true 1.5 vars + \" ' * &a *a !!str | secret:x item foreach: when: -1 [[]]".split()
    ),
    *(
        b"\n",
        b"  ",
        b"\t",
        b"\xc3\xa9",
        b"\xff",
        b"when: []\n",
        b"resources: {}\n",
        b"vars: {a+: [1]}\n",
        b"vars: {a+: 1}\n",
    ),
    *(
        b"depends_on: x\n",
        b"type: file\n",
        b"- \n",
        b"name: a\n",
        b"roles: [a, a]\n",
        b"traits.os",
        b"vars.",
        b" | default(1)",
    ),
]
changes = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 10_000), st.sampled_from(PIECES)), min_size=1, max_size=5
)


@settings(max_examples=tries(16, 2_000))
@given(st.sampled_from(TREES), changes)
def test_a_tree_with_pieces_put_in_anywhere_is_judged(
    files: dict[str, bytes], changed: list[tuple[int, int, bytes]]
) -> None:
    files = dict(files)
    for which, where, piece in changed:
        path = sorted(files)[which % len(files)]
        at = where % (len(files[path]) + 1)
        files[path] = files[path][:at] + piece + files[path][at:]
    found = graph.compile_tree(MemoryTree(files))
    assert all(each.line >= 1 and each.column >= 1 and len(each.message) < 500 for each in found.diagnostics)
    if found.graph is not None:
        for profile in found.graph.profiles.values():
            assert profile.catalog.environment == profile.environment
            host = profile.match_pattern.replace("*", "1")
            assert graph.trace(found.graph, host).model_dump_json()
    else:
        assert found.diagnostics


def test_compiling_leaves_no_garbage_that_only_a_collector_finds() -> None:
    mistakes = {path: data for files in TREES[1:] for path, data in files.items()}
    for files in (FILES, mistakes):
        graph.compile_tree(MemoryTree(files))
    gc.collect()
    gc.disable()
    try:
        for files in (FILES, mistakes):
            graph.compile_tree(MemoryTree(files))
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_what_was_replaced_is_let_go() -> None:
    cache = Cache()
    files = dict(FILES)
    for number in range(60):
        files["common.vgo"] = FILES["common.vgo"] + b"# %d\n" % number
        files["templates/motd.j2"] = b"number %d\n" % number + b"x" * 1000
        graph.compile_tree(MemoryTree(files), cache)
    assert len(cache.documents.parsed) <= len(files) + 60
    assert (
        len(cache.contents.contents) <= len([path for path in files if path.startswith(("templates/", "files/"))]) + 1
    )
    assert cache.documents.last is not None
    assert cache.documents.last.before is not None
    assert cache.documents.last.before.before is None

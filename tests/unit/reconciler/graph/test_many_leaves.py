"""Many small leaves come, go, change and stand in directories that sort between each other's files. What lists,
mappings, matcher and shelves share with those of before never shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import graph, overlays
from reconciler.graph import Cache, using
from tests.effort import tries
from tests.factories.trees import tree
from tests.unit.reconciler.graph.test_incremental import told

DIRECTORIES = ["", "a/", "a-b/", "a.b/", "a/b/", "ab/", "b/", "b.vgo#/"]
LEAVES = [f"{directory}{name}.vgo" for directory in DIRECTORIES for name in ("b", "m", "z")]
BLOCKS = [
    "",
    "  - match: {name}.example.com\n",
    "  - match: {name}*.example.com\n    configcrates: [one]\n",
    "  - match: {name}.example.com\n  - match: '*{name}.example.com'\n    roles: [first]\n",
    "  - match: '*{name}.example.com'\n    roles: [first]\n  - match: {name}.example.com\n",
    "  - match: '*{name}.example.com'\n    configcrates: [two]\n    vars: {{x: 1}}\n",
    "  - match: same.example.com\n  - match: same.example.com\n",
    "  - match: /{name}.*/\n  - match: '*'\n    roles: [second]\n",
    "  - match: /b.vgo#/b/\n",
    "  - match: /b/\n",
    "  - match: {name}.example.com\n    configcrates: [gone]\n",
]
SHARED: Mapping[str, list[str | None]] = {
    "common.vgo": ["vars: {x: 0}\n", "vars: {x: 2}\n", None],
    "a/common.vgo": [None, "vars: {x: 3}\n", "configcrates: [two]\n"],
    "a/b/common.vgo": [None, "exclude_configcrates: [one]\n"],
    "ab/common.vgo": [None, "vars: {x: 4}\n"],
    "roles.vgo": [
        "roles: {first: {configcrates: [one]}, second: {}}\n",
        "roles: {first: {configcrates: [two]}, second: {}}\n",
        "roles: {first: {}}\n",
    ],
    "configcrates/one.vgo": ["name: one\n", "# moved\nname: one\ndescription: x\n", None],
    "configcrates/sub/two.vgo": [
        "name: two\n",
        "name: two\ndepends_on: one\n",
        "name: two\nresources: [{type: file, path: /x, source: files/x}]\n",
    ],
    "configcrates/gone.vgo": [None, "name: gone\n"],
    "files/x": ["1", "2", None],
}
HOSTS = [f"{name}.example.com" for name in ("b", "m", "z", "ab", "zz", "same", "mm")]


class Edit(NamedTuple):
    """Of one file."""

    path: str
    number: int


edits = st.one_of(
    st.builds(Edit, st.sampled_from(LEAVES), st.integers(-2, len(BLOCKS) - 1)),
    st.builds(Edit, st.sampled_from(LEAVES), st.integers(-2, len(BLOCKS) - 1)),
    st.builds(Edit, st.sampled_from(sorted(SHARED)), st.integers(0, 2)),
)


def text_of(edit: Edit) -> str | None:
    variants = SHARED.get(edit.path)
    if variants is not None:
        return variants[edit.number % len(variants)]
    if edit.number < 0:
        return None
    name = edit.path.rpartition("/")[2].removesuffix(".vgo")
    body = BLOCKS[edit.number].format(name=name)
    return f"envoys:\n{body}" if body else "envoys: []\n"


def assert_as_cold(files: Mapping[str, str], cache: Cache) -> None:
    fresh = Cache()
    quick, cold = graph.compile_tree(tree(files), cache), graph.compile_tree(tree(files), fresh)
    assert told(quick) == told(cold)
    made, expected = cache.blocks, fresh.blocks
    assert made is not None
    assert expected is not None
    assert list(made.leaves) == list(expected.leaves)
    assert [each.id for each in made.order] == [each.id for each in expected.order]
    assert list(made.profiles) == list(expected.profiles)
    assert len(made.profiles) == len(expected.profiles)
    for id_, profile in expected.profiles.items():
        assert made.profiles[id_].catalog_body == profile.catalog_body
        assert made.profiles[id_].document.path == profile.document.path
    assert made.plan == expected.plan
    assert made.told.keys() == expected.told.keys()
    assert made.lacking == expected.lacking
    assert list(made.matcher.shadows()) == list(expected.matcher.shadows())
    assert [made.matcher.match(host) for host in HOSTS] == [expected.matcher.match(host) for host in HOSTS]
    for names in (frozenset({"one"}), frozenset({"two", "first"}), frozenset({"nobody"})):
        # A leaf may still be known to use what it used before: it is looked at, and nothing is made of that.
        users = {path for path, leaf in expected.leaves.items() if not names.isdisjoint(leaf.uses)}
        assert users <= {*made.using.of(names, made.leaves)} <= made.leaves.keys()
        assert expected.using.of(names, expected.leaves) == sorted(users)
    for directory in ("", "a/", "a/b/", "ab/", "c/"):
        below = [path for path in expected.leaves if path.startswith(directory)]
        assert made.using.below(directory, made.leaves) == below


@settings(max_examples=tries(5, 600))
@given(
    st.lists(st.integers(-1, len(BLOCKS) - 1), min_size=len(LEAVES), max_size=len(LEAVES)),
    st.lists(st.lists(edits, min_size=1, max_size=3), min_size=1, max_size=8),
    st.booleans(),
)
def test_no_history_of_leaves_shows(start: list[int], history: list[list[Edit]], small: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if small:
            patch.setattr(overlays, "_SMALL", 2)
            patch.setattr(overlays, "_PIECES", 4)
            patch.setattr(using, "_ROW", 2)
            patch.setattr(using, "_MOST", 4)
        first = [Edit(path, number) for path, number in zip(LEAVES, start, strict=True)]
        files = {edit.path: text for edit in first if (text := text_of(edit)) is not None}
        files |= {path: variants[0] for path, variants in SHARED.items() if variants[0] is not None}
        cache = Cache()
        assert_as_cold(files, cache)
        for changes in history:
            for edit in changes:
                text = text_of(edit)
                files.pop(edit.path, None)
                if text is not None:
                    files[edit.path] = text
            assert_as_cold(files, cache)

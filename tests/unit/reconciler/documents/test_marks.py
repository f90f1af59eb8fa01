"""Positions, held against ruamel.yaml's round-trip loader."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from reconciler.documents import marks
from reconciler.documents.compose import compose

EXAMPLES = Path(__file__).parents[4] / "examples" / "repo"
SOURCES = sorted(EXAMPLES.rglob("*.vgo"))


def places_by_ruamel(
    node: Any, path: tuple[str | int, ...] = ()
) -> dict[tuple[str | int, ...], tuple[int, int, int, int]]:
    """Path → line and column of value, line and column of key; from 1."""
    found = {}
    if isinstance(node, CommentedMap):
        for key, value in node.items():
            line, column = node.lc.value(key)
            key_line, key_column = node.lc.key(key)
            found[(*path, key)] = (line + 1, column + 1, key_line + 1, key_column + 1)
            found |= places_by_ruamel(value, (*path, key))
    elif isinstance(node, CommentedSeq):
        for index, value in enumerate(node):
            line, column = node.lc.item(index)
            found[(*path, index)] = (line + 1, column + 1, line + 1, column + 1)
            found |= places_by_ruamel(value, (*path, index))
    return found


def round_trip(text: str) -> Any:
    yaml = YAML(typ="rt")
    yaml.version = (1, 2)
    return yaml.load(text)


def plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    if isinstance(node, int):
        return int(node)
    return float(node) if isinstance(node, float) else str(node)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.relative_to(EXAMPLES).as_posix())
def test_the_example_repository_is_read_as_the_slow_loader_reads_it(source: Path) -> None:
    text = source.read_text()
    slow = round_trip(text)
    composed = compose(text.encode())
    assert composed.complaints == []
    assert composed.data == plain(slow)
    found = marks.read(text.encode())
    for path, (line, column, key_line, key_column) in places_by_ruamel(slow).items():
        mark = found.value(path)
        assert (mark.key_line, mark.key_column) == (key_line, key_column), path
        # ruamel gives a block scalar the place behind its indicator
        if mark.style not in ("|", ">"):
            assert (mark.line, mark.column) == (line, column), path


def test_there_are_examples() -> None:
    assert len(SOURCES) > 20


keys = st.text("abcde", min_size=1, max_size=4)
values = st.recursive(
    st.one_of(st.integers(0, 99), st.text("xyz ", max_size=6), st.booleans()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
)


@given(st.dictionaries(keys, values, min_size=1, max_size=4), st.booleans(), st.integers(0, 3))
def test_written_data_is_found_where_the_slow_loader_finds_it(
    data: dict[str, Any], flow: bool, blank_lines: int
) -> None:
    yaml = YAML(typ="rt")
    yaml.default_flow_style = flow
    written = io.StringIO()
    yaml.dump(data, written)
    text = "# a comment\n" * blank_lines + written.getvalue()
    found = marks.read(text.encode())
    for path, place in places_by_ruamel(round_trip(text)).items():
        mark = found.value(path)
        assert (mark.line, mark.column, mark.key_line, mark.key_column) == place, (text, path)


def test_what_is_not_there_is_where_its_surroundings_are() -> None:
    found = marks.read(b"a:\n  b: 1\n")
    assert found.value(("a", "c", "d"))[:2] == (2, 3)
    assert found.value(("x",))[:2] == (1, 1)


def test_below_an_alias_places_are_those_of_its_anchor() -> None:
    found = marks.read(b"a: &x\n  b: [1, 2]\nc: *x\n")
    assert found.value(("c",))[:2] == (3, 4)
    assert found.value(("c", "b", 1))[:2] == (2, 10)


def test_the_first_of_two_equal_keys_counts() -> None:
    assert marks.read(b"a: 1\na: 2\n").value(("a",))[:2] == (1, 4)


@pytest.mark.parametrize(
    ("source", "line", "column", "place"),
    [
        ("a: x {{ y }}\n", 1, 6, (1, 9)),
        ('a: "x {{ y }}"\n', 1, 6, (1, 10)),
        ("a: |\n  one\n    two {{ y }}\n", 2, 10, (3, 12)),
        ("a: >-\n  one {{ y }}\n", 1, 8, (2, 10)),
        ("a: >\n  one\n  two {{ y }}\n", 1, 12, (1, 4)),
        ('a: "x\\t{{ y }}"\n', 1, 6, (1, 4)),
    ],
    ids=["plain", "quoted", "literal", "folded in one line", "folded", "escaped"],
)
def test_a_place_within_a_text_is_found_in_the_file_or_is_where_the_text_begins(
    source: str, line: int, column: int, place: tuple[int, int]
) -> None:
    text = compose(source.encode()).data["a"]
    assert marks.read(source.encode()).within(("a",), text, line, column) == place


def test_a_damaged_file_has_the_marks_before_the_damage() -> None:
    found = marks.read(b"a: 1\nb: [1, 2\nc: {\n")
    assert found.value(("b", 1))[:2] == (2, 8)

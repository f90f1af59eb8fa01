"""Where the cursor is, in files that are hardly ever YAML."""

from __future__ import annotations

import pytest

from reconciler.authoring import Text
from reconciler.authoring.cursor import Cursor, Slot, find, scalars
from tests.factories.typed import MARK

KEY, ITEM, VALUE, TEXT = Slot.KEY, Slot.ITEM, Slot.VALUE, Slot.TEXT


def cursor(source: str) -> Cursor:
    offset = source.index(MARK)
    text = Text(source.replace(MARK, "", 1))
    return find(text, text.position(offset))


@pytest.mark.parametrize(
    ("source", "path", "slot", "left"),
    [
        ("¦", (), KEY, ""),
        ("na¦", (), KEY, "na"),
        ("name: ng¦inx\n", ("name",), VALUE, "ng"),
        ("a: 1\r\nname: ng¦\r\nb: 2\r\n", ("name",), VALUE, "ng"),
        ("resources:\n  - ty¦\n    name: x\n", ("resources", 0), ITEM, "ty"),
        ("resources:\n  - a: 1\n  - ¦", ("resources", 1), ITEM, ""),
        ("resources:\n- a: 1\n- b: 2\n- na¦\n", ("resources", 2), ITEM, "na"),
        ("resources:\n  - name: x\n    type: fi¦\n", ("resources", 0, "type"), VALUE, "fi"),
        ("envoys:\n  - match: a\n    roles: [web, da¦]\n", ("envoys", 0, "roles", 1), ITEM, "da"),
        ("envoys:\n  - match: a\n    roles:\n      - a\n      - b¦", ("envoys", 0, "roles", 1), ITEM, "b"),
        ("envoys:\n  - match: a\n    roles:\n    - a\n    - b¦", ("envoys", 0, "roles", 1), ITEM, "b"),
        ("vars: {a: 1, b¦", ("vars",), KEY, "b"),
        ("vars: {a: 1, b: {c: ¦", ("vars", "b", "c"), VALUE, ""),
        ("vars: {a: [1, 2], b¦", ("vars",), KEY, "b"),
        ("vars:\n  a: [1,\n    2, x¦\n", ("vars", "a", 2), ITEM, "x"),
        ("roles: [a,\nconfigcrates: [b¦", ("configcrates", 0), ITEM, "b"),
        ("r:\n  - content: |\n      a\n      b: {{ va¦\n", ("r", 0, "content"), TEXT, "      a\n      b: {{ va"),
        ("r:\n  - content: |\n      a\n    mo¦\n", ("r", 0), KEY, "mo"),
        ('a:\n  - p: "/x/{{ va¦ }}"\n', ("a", 0, "p"), VALUE, '"/x/{{ va'),
        ("configcrates:\n  ¦\nvars: {}\n", ("configcrates",), KEY, ""),
        ('"name": ng¦\n', ("name",), VALUE, "ng"),
        ("roles:\n  web:\n    includes: [¦]\n", ("roles", "web", "includes", 0), ITEM, ""),
        ("a: 'it''s\n  x¦\n", ("a",), TEXT, "'it''s\n  x"),
        ("größe: 'ü😀 x¦'\n", ("größe",), VALUE, "'ü😀 x"),
    ],
)
def test_the_cursor_is_where_a_person_sees_it(source: str, path: tuple[str | int, ...], slot: Slot, left: str) -> None:
    found = cursor(source)
    assert (found.path, found.slot, found.left) == (path, slot, left)


def test_in_a_comment_nothing_is_written() -> None:
    assert cursor("a: 1 # b¦\n").slot is Slot.NOTHING
    assert cursor("# b¦\n").slot is Slot.NOTHING
    assert cursor("a: b#c¦\n").slot is VALUE


def test_what_stands_around_is_known_before_and_behind_the_cursor() -> None:
    source = "resources:\n  - name: x\n    ¦\n    type: file # here\n    mode: '0644'\n  - name: y\n    owner: root\n"
    assert cursor(source).around() == {"name": "x", "type": "file", "mode": "0644"}


def test_a_map_in_braces_has_what_stands_around_too() -> None:
    assert cursor("resources:\n  - {type: file, path: '/x', ¦}\n").around() == {"type": "file", "path": "/x"}


def test_the_word_at_the_cursor_reaches_to_both_sides() -> None:
    span = cursor("roles: [alpha, be¦ta]\n").word
    assert tuple(span) == (1, 16, 1, 20)


def test_one_open_bracket_does_not_take_the_rest_of_a_file() -> None:
    found = scalars(Text("a: [1,\nb: 2\nc:\n  - d: 3\n"))
    assert found[("b",)] == "2"
    assert found[("c", 0, "d")] == "3"


def test_a_mebibyte_is_read() -> None:
    source = "envoys:\n" + "  - match: host\n    roles: [web]\n" * 31_000 + "  - match: ¦"
    assert cursor(source).path == ("envoys", 31_000, "match")

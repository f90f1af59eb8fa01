"""Edits of a file change their own place and nothing else, whatever stands around it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.documents import edit, splicing
from reconciler.documents.compose import compose
from tests.effort import tries

TEXT = """\
# About all of it.
vars:
    port:   80  # plain

    # about names
    names: [a, 'b',  "c"]   # flow
    admins:
    - alice   # first
    - bob
    text: |
      one
      two

    empty:
    deep: {x: 1,   y: {z: 2}}
# The end.
configcrates: [motd]
"""


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        (["vars", "port"], 443, "port:   80  #", "port:   443  #"),
        (["vars", "port"], "80", "port:   80  #", "port:   '80'  #"),
        (["vars", "names", 1], "d", "'b'", "'d'"),
        (["vars", "names", 3], "d", '"c"]', '"c", d]'),
        (["vars", "admins", 2], "carol", "    - bob\n", "    - bob\n    - carol\n"),
        (["vars", "admins", 0], "zoe", "- alice   #", "- zoe   #"),
        (["vars", "empty"], 1, "empty:\n", "empty: 1\n"),
        (["vars", "deep", "y", "z"], 3, "z: 2", "z: 3"),
        (["vars", "deep", "x2"], 3, "z: 2}}", "z: 2}, x2: 3}"),
        (["vars", "new", "er"], [1, "x"], "{z: 2}}\n", "{z: 2}}\n    new:\n      er:\n        - 1\n        - x\n"),
        (["roles"], ["web"], "[motd]\n", "[motd]\nroles:\n  - web\n"),
    ],
)
def test_an_edit_is_a_splice(path: list[str | int], value: Any, old: str, new: str) -> None:
    assert TEXT.count(old) == 1
    assert edit.set_value(TEXT, path, value) == TEXT.replace(old, new)


def test_a_file_that_ends_without_a_newline_is_added_to() -> None:
    assert edit.set_value("a: 1", ["b"], 2) == "a: 1\nb: 2"
    assert edit.set_value("a:\n  - 1", ["a", 1], 2) == "a:\n  - 1\n  - 2"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a: &x {b: 1}\nc: *x\n", ["c", "b"]),  # the one is the other
        ("a: |\n  one\n", ["a"]),
        ("a: [1]\n", ["a", 3]),
        ("a: 1\na: 2\n", ["a"]),
        ("- 1\n", ["a"]),
    ],
)
def test_what_takes_more_is_left_to_the_round_trip(text: str, path: list[str | int]) -> None:
    assert splicing.set_value(text, path, 7) is None


_KEYS = st.sampled_from(["a", "b", "c key", "d.e"])
_SCALARS = st.one_of(
    st.sampled_from(["x", "yes", "0644", "a: b", "#no", "", "two words", "ä", "- x", "0o14", "1_0"]),
    st.integers(-5, 9999),
    st.booleans(),
    st.none(),
)


def lines(value: Any, indent: int, draw: Any) -> list[str]:
    """A value as a person may write it, with comments and odd blanks."""
    said, pad = [], " " * indent
    for key, below in value.items():
        if draw(st.booleans()):
            said.append(f"{pad}# about {key}")
        if draw(st.integers(0, 4)) == 0:
            said.append("")
        if isinstance(below, dict) and below:
            said += [
                f"{pad}{key}:" + draw(st.sampled_from(["", "  # map"])),
                *lines(below, indent + draw(st.sampled_from([1, 2, 4])), draw),
            ]
        elif isinstance(below, list) and below and draw(st.booleans()):
            dash = " " * (indent + draw(st.sampled_from([0, 2])))
            said += [
                f"{pad}{key}:",
                *(f"{dash}- {splicing._flow(each)}{draw(st.sampled_from(['', '  # item']))}" for each in below),
            ]
        else:
            said.append(
                f"{pad}{key}:{' ' * draw(st.integers(1, 3))}{splicing._flow(below)}{draw(st.sampled_from(['', ' # said']))}"
            )
    return said


@st.composite
def documents(draw: Any) -> tuple[str, dict[str, Any]]:
    leaf = st.one_of(_SCALARS, st.lists(_SCALARS, max_size=3))
    value = draw(
        st.recursive(
            st.dictionaries(_KEYS, leaf, min_size=1, max_size=3),
            lambda below: st.dictionaries(_KEYS, leaf | below, min_size=1, max_size=3),
            max_leaves=6,
        )
    )
    return "\n".join(lines(value, 0, draw)) + draw(st.sampled_from(["\n", "", "\n# end\n", "\n\n"])), value


@settings(max_examples=tries(30))
@given(documents(), st.data())
def test_comments_and_all_other_lines_stay(document: tuple[str, dict[str, Any]], data: Any) -> None:
    text, value = document
    if compose(text.encode()).complaints:
        return
    path: list[str | int] = []
    at: Any = value
    while isinstance(at, dict) and at:
        path.append(data.draw(st.sampled_from([*at, "new"])))
        at = at.get(path[-1])
        if data.draw(st.booleans()):
            break
    if isinstance(at, list):
        path.append(data.draw(st.integers(0, len(at))))
    new = data.draw(_SCALARS)
    edited = edit.set_value(text, path, new)
    found = compose(edited.encode())
    assert found.complaints == []
    for part in path:
        found = found._replace(data=found.data[part])
    assert (found.data, type(found.data)) == (new, type(new))
    if splicing.set_value(text, path, new) is None:
        return  # the round trip keeps comments, and may lay lines out anew
    before, after = text.split("\n"), edited.split("\n")
    same = sum(1 for each in before if each not in after)
    assert same <= 1, "one line at most is another"
    assert [line for line in after if line.lstrip().startswith("#")] == [
        line for line in before if line.lstrip().startswith("#")
    ]

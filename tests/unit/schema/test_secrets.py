"""References to secrets: found wherever they stand, replaced once, and never shown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema import secrets
from schema.secrets import MASK, UnknownSecret

NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,8}(/[A-Za-z0-9_.-]{1,8}){0,2}", fullmatch=True)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("secret:db/password", {"db/password"}),
        ("postgres://app:secret:db/password@host/x", {"db/password"}),
        ("secret:a secret:b,secret:a", {"a", "b"}),
        ("secret:a/b/c.d-e_f", {"a/b/c.d-e_f"}),
        ("secret:a/", {"a"}),
        ("secret:a//b", {"a"}),
        ("secret:", set()),
        ("secret: a", set()),
        ("a secret", set()),
        ("SECRET:a", set()),
        (["x", {"k": "secret:a", "secret:b": 1}, ("secret:c",)], {"a", "b", "c"}),
        ({"n": None, "i": 1, "b": True, "f": 1.5}, set()),
        (None, set()),
        (7, set()),
    ],
)
def test_references_are_found_in_strings_lists_maps_and_keys(value: Any, names: set[str]) -> None:
    assert secrets.find(value) == names


def test_references_are_replaced_wherever_they_stand_and_the_rest_is_left() -> None:
    value = {"url": "a:secret:x@b", "list": ["secret:y", 1, None], "secret:x": True}
    assert secrets.substitute(value, {"x": "X", "y": "Y"}) == {"url": "a:X@b", "list": ["Y", 1, None], "X": True}
    assert value["url"] == "a:secret:x@b"


def test_what_is_put_in_is_never_read_again() -> None:
    assert secrets.substitute("secret:a", {"a": "secret:b", "b": "B"}) == "secret:b"
    assert secrets.substitute("secret:a", {"a": r"\1 \g<0>"}) == r"\1 \g<0>"


def test_a_reference_without_a_value_is_an_error_that_names_it() -> None:
    with pytest.raises(UnknownSecret, match="secret:db/password") as caught:
        secrets.substitute(["secret:other", "secret:db/password"], {"other": "value"})
    assert caught.value.name == "db/password"
    assert "value of" in str(caught.value)


@given(NAMES, st.text(), st.text(), st.text(max_size=20))
def test_a_value_stands_exactly_where_its_reference_stood(name: str, before: str, after: str, value: str) -> None:
    if "secret:" in before + after or (after and secrets.REFERENCE.match(f"secret:{name}{after}")[1] != name):  # type: ignore[index]
        return
    assert secrets.substitute(f"{before} secret:{name}{after}", {name: value}) == f"{before} {value}{after}"


@given(st.dictionaries(NAMES, st.text(st.characters(exclude_characters=MASK), min_size=1), max_size=4), st.text())
def test_no_value_is_left_in_what_is_masked(values: dict[str, str], text: str) -> None:
    masked = secrets.mask(" ".join([text, *values.values()]), values)
    assert not [value for value in values.values() if value in masked]


def test_the_longest_value_is_masked_first_and_empty_ones_mask_nothing() -> None:
    assert secrets.mask("abcdef abc", {"short": "abc", "long": "abcdef", "empty": ""}) == f"{MASK} {MASK}"
    assert secrets.mask("nothing", {}) == "nothing"

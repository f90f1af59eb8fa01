"""What YAML means here: the core schema of 1.2, and nothing guessed."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from reconciler.documents.compose import compose, is_plain


def data_of(text: str) -> Any:
    composed = compose(text.encode())
    assert composed.complaints == []
    return composed.data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("Off", "Off"),
        ("y", "y"),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("null", None),
        ("~", None),
        ("", None),
        ("NULL", None),
        ("nULL", "nULL"),
        ("0644", 644),
        ("0o17", 15),
        ("0O17", "0O17"),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-01-01", "2026-01-01"),
        ("+12", 12),
        ("-0", 0),
        ("1.5", 1.5),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-1.5E-3", -0.0015),
        ("1.2.3", "1.2.3"),
        ("-", "-"),
        ("+", "+"),
        (".", "."),
        ("-a", "-a"),
        ("=", "="),
        ("'12'", "12"),
        ('"true"', "true"),
        ("! 12", "12"),
        ("!!str 12", "12"),
        ("!!int 12", 12),
        ("!!float 12", 12.0),
        ("!!null ''", None),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("0" * 30 + "7", 7),
        ("9007199254740991", 9007199254740991),
    ],
)
def test_a_scalar_means_what_the_core_schema_says(text: str, value: Any) -> None:
    if text == "-":
        assert data_of("a: '-'") == {"a": "-"}
        return
    found = data_of(f"a: {text}\n")["a"]
    assert found == value
    assert type(found) is type(value)


def test_on_and_yes_are_names_like_others() -> None:
    assert data_of("on: {yes: no}\n") == {"on": {"yes": "no"}}


def test_aliases_give_the_value_again() -> None:
    assert data_of("a: &x {b: [1, 2]}\nc: *x\nd: [*x, *x]\ne: &s text\nf: *s\n") == {
        "a": {"b": [1, 2]},
        "c": {"b": [1, 2]},
        "d": [{"b": [1, 2]}, {"b": [1, 2]}],
        "e": "text",
        "f": "text",
    }


def test_an_anchor_may_be_given_again() -> None:
    assert data_of("a: &x 1\nb: *x\nc: &x 2\nd: *x\n") == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_tabs_are_text_within_text() -> None:
    assert data_of('a: |\n  x\n  \ty\nb: "p\n\tq"\nc: x\ty\n') == {"a": "x\n\ty\n", "b": "p q", "c": "x\ty"}


def test_keys_may_be_quoted_tagged_or_anchored_text() -> None:
    assert data_of("'a': 1\n\"b\": 2\n!!str 3: 3\n&k d: 4\n") == {"a": 1, "b": 2, "3": 3, "d": 4}


def test_the_lines_of_items_of_top_level_lists_are_kept() -> None:
    composed = compose(b"a: [x,\n y]\nresources:\n  - a\n\n  - {b: [1,\n    2]}\nc: {d: [1]}\n")
    assert composed.item_lines == {"a": [1, 2], "resources": [4, 6]}


def test_after_a_hundred_complaints_the_rest_is_not_read() -> None:
    composed = compose(b"".join(b"a: 1\n" for _ in range(1000)))
    assert len(composed.complaints) == 100


plain_keys = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12),
    st.sampled_from(
        ["yes", "no", "null", "0644", "1e3", "- a", "a: b", "#", "{{ x }}", "*", "&", "!", "", " ", "\n", "'"]
    ),
)
documents = st.dictionaries(
    plain_keys,
    st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain_keys, inner, max_size=3)),
    max_size=4,
)


@given(documents)
def test_what_ruamel_writes_is_read_back(data: dict[str, Any]) -> None:
    yaml = YAML(typ="rt")
    yaml.version = (1, 2)
    written = io.StringIO()
    yaml.dump(data, written)
    composed = compose(written.getvalue().encode())
    assert composed.complaints == []
    assert composed.data == data


@given(st.binary(max_size=200))
def test_any_bytes_give_data_or_complaints(source: bytes) -> None:
    composed = compose(source)
    assert composed.data is not None or composed.complaints or source.strip()
    for complaint in composed.complaints:
        assert complaint.line >= 1
        assert complaint.column >= 1


@given(st.text(st.sampled_from("ab:- \n\t[]{}&*!|>'\"#%@`,?0.~<"), max_size=60))
def test_any_yaml_like_text_gives_data_or_complaints(text: str) -> None:
    composed = compose(text.encode())
    if not composed.complaints:
        assert finite(composed.data)


def finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and finite(item) for key, item in value.items())
    return all(map(finite, value)) if isinstance(value, list) else True


def test_plain_is_what_orjson_writes_as_rfc_8785_does() -> None:
    assert is_plain({"a": [1, "x", None, True, {"ü": []}]})
    assert not is_plain({"a": [{"b": 1.0}]})
    assert not is_plain({"\U0001f600": 1})
    assert is_plain({"a": "\U0001f600"})


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a: [1, x, null, true]", True),
        ("a: 1.5", False),
        ("a: {b: [!!float 1]}", False),
        ("ü: 1", True),
        ("\U0001f600: 1", False),
        ('"\\U0001f600": 1', False),
        ('"\\u00fc": 1', True),
        ("a: \U0001f600", True),
    ],
)
def test_composing_tells_what_is_plain(text: str, plain: bool) -> None:
    composed = compose(text.encode())

    assert composed.plain is is_plain(composed.data) is plain


@given(
    st.recursive(
        st.one_of(st.text(max_size=3), st.floats(), st.integers()),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=8,
    )
)
def test_what_composing_calls_plain_is(value: Any) -> None:
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump(value, stream)
    composed = compose(stream.getvalue().encode("utf-8", "replace"))

    assert not composed.plain or is_plain(composed.data)

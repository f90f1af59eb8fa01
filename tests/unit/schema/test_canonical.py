"""One value has one sequence of bytes, and no other bytes are read as it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema import canonical
from schema.canonical import NotCanonical
from tests.effort import tries

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=tries(140))
@given(JSON)
def test_a_value_comes_back_from_its_bytes_and_gives_the_same_bytes_again(value: Any) -> None:
    data = canonical.dumps(value)
    assert canonical.loads(data) == value
    assert canonical.dumps(canonical.loads(data)) == data


@given(st.dictionaries(TEXT, st.integers(0, 9), min_size=2, max_size=6), st.randoms())
def test_the_order_in_which_a_map_was_made_does_not_matter(value: dict[str, int], chance: Any) -> None:
    pairs = list(value.items())
    chance.shuffle(pairs)
    assert canonical.dumps(dict(pairs)) == canonical.dumps(value)


@settings(max_examples=tries(140))
@given(JSON, st.sampled_from([(", ", ": "), (",", ": "), (", ", ":")]))
def test_another_spelling_of_the_same_value_is_refused(value: Any, separators: tuple[str, str]) -> None:
    other = json.dumps(value, separators=separators, ensure_ascii=True).encode()
    if other == canonical.dumps(value):
        return
    with pytest.raises(NotCanonical):
        canonical.loads(other)


@settings(max_examples=tries(100))
@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        value = canonical.loads(data)
    except NotCanonical:
        return
    assert canonical.dumps(value) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"1 ",
        b" 1",
        b"1\n",
        b"1 2",
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"a": 1}',
        b"[1,]",
        b"1.0",
        b"1.50",
        b"1E3",
        b"-0",
        b"-0.0",
        b"0.10",
        b"1e400",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"9007199254740993",
        b"12345678901234567890",
        b"1" * 5000,
        b'"\\u0041"',
        b'"\\/"',
        b'"\\ud800"',
        b'{"\\ud800":1}',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b"\xef\xbb\xbf1",
        b"'a'",
        b"[" * 100 + b"]" * 100,
        b"[" * 100_000,
        b'{"a":' * 70 + b"1" + b"}" * 70,
        b"nul",
        b"True",
    ],
)
def test_what_is_not_the_canonical_form_of_a_value_is_refused(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        canonical.loads(data)


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        2**53,
        -(2**53),
        2**70,
        "\ud800",
        {"\udfff": 1},
        {1: 2},
        {None: 1},
        b"x",
        object(),
        {1, 2},
    ],
)
def test_what_json_cannot_say_has_no_canonical_form(value: Any) -> None:
    with pytest.raises(NotCanonical):
        canonical.dumps({"nested": [value]})


# RFC 8785, section 3.2.2 and 3.2.3 and appendix B.
@pytest.mark.parametrize(
    ("value", "data"),
    [
        (333333333.33333329, b"333333333.3333333"),
        (1e30, b"1e+30"),
        (4.50, b"4.5"),
        (2e-3, b"0.002"),
        (0.000000000000000000000000001, b"1e-27"),
        (1e21, b"1e+21"),
        (1e20, b"100000000000000000000"),
        (-0.0, b"0"),
        (5e-324, b"5e-324"),
        (1.7976931348623157e308, b"1.7976931348623157e+308"),
        ("\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/", '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()),
        (
            {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\xf6": 7},
            '{"\\r":2,"1":4,"\x80":6,"\xf6":7,"\u20ac":1,"\U0001f600":5,"\ufb33":3}'.encode(),
        ),
    ],
)
def test_the_examples_of_the_standard_hold(value: Any, data: bytes) -> None:
    assert canonical.dumps(value) == data


@given(JSON | st.integers(-(2**60), 2**60) | st.dictionaries(TEXT, st.integers(-(2**60), 2**60)))
def test_the_quick_way_to_read_takes_what_the_slow_one_takes_and_nothing_else(value: Any) -> None:
    ways = [(plain, by_key) for plain in (True, False) for by_key in (True, False)]
    for plain, by_key in ways:
        data = json.dumps(value, ensure_ascii=plain, sort_keys=by_key, separators=(",", ":")).encode()
        whole = json.loads(data, parse_int=lambda digits: int(digits) if abs(int(digits)) < 2**53 else float(digits))
        try:
            read = canonical.loads(data)
        except NotCanonical:
            assert canonical.dumps(whole) != data
        else:
            assert canonical.dumps(read) == canonical.dumps(whole) == data


@given(st.lists(st.lists(TEXT | st.booleans(), max_size=5), max_size=5))
def test_rows_of_texts_have_the_same_form_the_quick_way(rows: list[list[str | bool]]) -> None:
    assert canonical.dumps_plain(rows) == canonical.dumps(rows)


@given(
    st.dictionaries(st.text(st.characters(codec="ascii")), TEXT | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1))
)
def test_so_has_a_map_of_plain_things(value: dict[str, str | bool | int]) -> None:
    assert canonical.dumps_plain(value) == canonical.dumps(value)


def test_rows_with_what_is_no_text_have_no_form_either() -> None:
    with pytest.raises(NotCanonical):
        canonical.dumps_plain([["\ud800"]])

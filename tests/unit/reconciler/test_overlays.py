"""Overlays are as the mappings and lists that they stand for."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import overlays
from reconciler.overlays import Splice, differences, overlaid, spliced

values = st.none() | st.integers(0, 9)
keys = st.integers(0, 9)
steps = st.tuples(st.dictionaries(keys, values), st.sets(keys))


def assert_alike(made: Any, plain: dict[int, Any]) -> None:
    assert made == plain
    assert list(made) == list(made.keys()) == list(plain)
    assert list(made.items()) == list(plain.items())
    assert list(made.values()) == list(plain.values())
    assert len(made) == len(made.keys()) == len(plain)
    assert {**made} == plain
    assert [(key in made, made.get(key, "none")) for key in range(11)] == [
        (key in plain, plain.get(key, "none")) for key in range(11)
    ]
    for key in range(11):
        if key not in plain:
            with pytest.raises(KeyError):
                made[key]


@given(st.dictionaries(keys, values), st.lists(steps), st.booleans())
def test_a_sorted_mapping(plain: dict[int, Any], history: list[tuple[dict[int, Any], set[int]]], small: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlays, "_SMALL", 2 if small else 256)
        plain = dict(sorted(plain.items()))
        made: Any = plain
        for changes, gone in history:
            gone = {key for key in gone if key in plain and key not in changes}
            before, items, old = made, list(made.items()), plain
            plain = {key: value for key, value in sorted({**plain, **changes}.items()) if key not in gone}
            made = overlaid(made, changes, gone)
            assert list(before.items()) == items
            none = object()
            differing = {key for key in range(10) if old.get(key, none) is not plain.get(key, none)}
            assert differences(made, before) == differences(before, made) == differing
    assert_alike(made, plain)
    assert differences(made, plain) == set()


@given(st.dictionaries(keys, values), st.lists(steps), st.booleans())
def test_any_mapping_keeps_its_order(
    plain: dict[int, Any], history: list[tuple[dict[int, Any], set[int]]], small: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlays, "_SMALL", 2 if small else 256)
        made: Any = plain
        for step, taken in history:
            changes = {key: value for key, value in step.items() if key in plain}
            gone = {key for key in taken if key in plain and key not in changes}
            plain = {key: value for key, value in {**plain, **changes}.items() if key not in gone}
            made = overlaid(made, changes, gone)
    assert_alike(made, plain)


def test_keys_that_come_to_a_mapping_in_no_order_are_all_there() -> None:
    made = overlaid({5: "a", 1: "b", 9: "c"}, {0: "d", 3: "e", 7: "f"}, {1})
    assert sorted(made.items()) == [(0, "d"), (3, "e"), (5, "a"), (7, "f"), (9, "c")]


places = st.lists(st.integers(0, 12), max_size=6).map(sorted)


@given(
    st.lists(values, max_size=12),
    st.lists(st.tuples(places, st.lists(st.lists(values, max_size=3), min_size=6, max_size=6))),
    st.sampled_from([0, 1, 3, 512]),
)
def test_a_list(plain: list[Any], history: list[tuple[list[int], list[list[Any]]]], most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlays, "_PIECES", most)
        made: Any = plain
        for bounds, fresh in history:
            pairs = [(start, stop) for start, stop in list(pairwise(bounds))[::2] if stop <= len(plain)]
            splices = [Splice(start, stop, values) for (start, stop), values in zip(pairs, fresh, strict=False)]
            before, kept = made, list(made)
            made = spliced(made, splices)
            assert list(before) == kept
            plain = list(plain)
            for start, stop, values in reversed(splices):
                plain[start:stop] = values
    assert list(made) == plain
    assert len(made) == len(plain)
    assert list(made[1:5]) == plain[1:5]
    assert list(made[::-2]) == plain[::-2]
    assert [made[at] for at in range(-len(plain), len(plain))] == plain * 2
    for at in (len(plain), -len(plain) - 1):
        with pytest.raises(IndexError):
            made[at]

"""Merging: where nothing appends, the quick way gives the same."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schema.merging import merge, merge_closed

KEYS = st.sampled_from(["a", "b", "c", "d"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2),
    lambda below: st.dictionaries(KEYS, below, max_size=3),
    max_leaves=8,
)
VARS = st.dictionaries(KEYS, VALUES, max_size=4)


@given(VARS, VARS)
def test_vars_in_which_nothing_appends_merge_alike_either_way(weaker: dict[str, Any], stronger: dict[str, Any]) -> None:
    before = repr((weaker, stronger))
    assert repr(merge_closed(weaker, stronger)) == repr(merge(weaker, stronger))
    assert repr((weaker, stronger)) == before

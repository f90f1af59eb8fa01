"""A line is one record, whatever a path of the host may hold."""

from __future__ import annotations

import json
import os
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent import records

TEXTS = st.text() | st.binary().map(os.fsdecode)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(path=TEXTS, origin=VALUES)
def test_a_record_is_one_line_and_comes_back_as_it_was(path: str, origin: Any) -> None:
    line = records.line(o=path, b=origin)
    assert line.endswith(b"\n")
    assert line.splitlines() == [line[:-1]]
    assert json.loads(line) == {"o": path, "b": origin}
    assert json.loads(b"[%b]" % b",".join([line[:-1], line[:-1]])) == [{"o": path, "b": origin}] * 2

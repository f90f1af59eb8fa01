"""Overlays are as the mappings and lists that they stand for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import overlays
from reconciler.overlays import overlaid, overlaid_list

values = st.none() | st.integers(0, 9)


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 9), values), st.lists(st.dictionaries(st.integers(0, 9), values)), st.booleans())
def test_a_mapping(plain: dict[int, Any], history: list[dict[int, Any]], small: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlays, "_SMALL", 2 if small else 256)
        made: Any = plain
        for step in history:
            changes = {key: value for key, value in step.items() if key in plain}
            before, plain = (made, list(made.items())), {**plain, **changes}
            made = overlaid(made, changes)
            assert list(before[0].items()) == before[1]
    assert made == plain
    assert list(made) == list(made.keys()) == list(plain)
    assert list(made.items()) == list(plain.items())
    assert list(made.values()) == list(plain.values())
    assert len(made) == len(plain)
    assert [(key in made, made.get(key, "none")) for key in range(11)] == [
        (key in plain, plain.get(key, "none")) for key in range(11)
    ]
    with pytest.raises(KeyError):
        made[11]


@settings(deadline=None)
@given(st.lists(values, max_size=8), st.lists(st.dictionaries(st.integers(0, 7), values)), st.booleans())
def test_a_list(plain: list[Any], history: list[dict[int, Any]], small: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlays, "_SMALL", 2 if small else 256)
        made: Any = plain
        for step in history:
            changes = {at: value for at, value in step.items() if at < len(plain)}
            plain = [changes.get(at, value) for at, value in enumerate(plain)]
            made = overlaid_list(made, changes)
    assert list(made) == plain
    assert made[1:5] == plain[1:5]
    assert made[::-2] == plain[::-2]
    assert [made[at] for at in range(-len(plain), len(plain))] == plain * 2

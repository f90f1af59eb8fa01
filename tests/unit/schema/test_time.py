"""Microseconds inside, RFC 3339 outside, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from schema.time import DAY, HOUR, MINUTE, SECOND, Instant, from_rfc3339, to_rfc3339


class _Model(BaseModel):
    at: Instant


@given(st.integers(-62_135_596_800 * SECOND, 253_402_300_800 * SECOND - 1))
def test_a_time_comes_back_from_its_text(micros: int) -> None:
    text = to_rfc3339(micros)
    assert from_rfc3339(text) == micros
    assert text.endswith("Z")
    assert _Model.model_validate_json(_Model(at=micros).model_dump_json()).at == micros


@given(st.lists(st.integers(0, 4_000_000_000 * SECOND), min_size=2, max_size=5))
def test_whole_seconds_sort_as_text_as_they_do_as_numbers(moments: list[int]) -> None:
    whole = [moment // SECOND * SECOND for moment in moments]
    assert sorted(map(to_rfc3339, whole)) == list(map(to_rfc3339, sorted(whole)))


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (1_773_412_200 * SECOND, "2026-03-13T14:30:00Z"),
        (1_773_412_200 * SECOND + 500_000, "2026-03-13T14:30:00.500000Z"),
        (-SECOND, "1969-12-31T23:59:59Z"),
    ],
)
def test_a_fraction_stands_only_where_there_is_one(micros: int, text: str) -> None:
    assert to_rfc3339(micros) == text


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-03-13T14:30:00+00:00", "2026-03-13T14:30:00Z"),
        ("2026-03-13T16:30:00+02:00", "2026-03-13T14:30:00Z"),
        ("2026-03-13T14:30:00.5Z", "2026-03-13T14:30:00.500000Z"),
        ("2026-03-13 14:30:00Z", "2026-03-13T14:30:00Z"),
    ],
)
def test_other_spellings_of_an_instant_are_read(text: str, same: str) -> None:
    assert from_rfc3339(text) == from_rfc3339(same)


@pytest.mark.parametrize("text", ["", "now", "2026-03-13", "2026-03-13T14:30:00", "2026-13-01T00:00:00Z", "14:30:00Z"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        from_rfc3339(text)
    with pytest.raises(ValidationError):
        _Model.model_validate({"at": text})


@pytest.mark.parametrize("value", [10**54, -(10**17), 1e60, "0001-01-01T00:00:00+23:59"])
def test_a_time_that_nobody_could_write_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        _Model.model_validate({"at": value})


def test_an_instant_is_a_number_in_python_and_a_text_in_json() -> None:
    model = _Model(at=SECOND)
    assert model.model_dump() == {"at": SECOND}
    assert model.model_dump_json() == '{"at":"1970-01-01T00:00:01Z"}'
    assert _Model.model_json_schema()["properties"]["at"]["type"] == "string"


def test_units_are_microseconds() -> None:
    assert (SECOND, MINUTE, HOUR, DAY) == (10**6, 60 * 10**6, 3_600 * 10**6, 86_400 * 10**6)

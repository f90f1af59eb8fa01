"""Windows: open by the clock on the wall of their zone, over midnight and when clocks are turned."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.rollout import windows
from reconciler.zones import UnknownZoneError, zone, zones
from schema.documents.rollout import DAYS, Window
from schema.time import DAY, HOUR, MINUTE, from_rfc3339
from tests.effort import tries

FEW = settings(max_examples=tries(35))
"""Time is no part of what is held here."""

BERLIN = "Europe/Berlin"


def at(text: str) -> int:
    return from_rfc3339(text)


def window(**given: object) -> Window:
    return Window.model_validate(given)


@pytest.mark.parametrize(
    ("given", "moment", "is_open"),
    [
        ({"hours": "09:00-17:00"}, "2026-11-22T09:00:00Z", True),
        ({"hours": "09:00-17:00"}, "2026-11-22T08:59:59Z", False),
        ({"hours": "09:00-17:00"}, "2026-11-22T17:00:00Z", False),
        ({"hours": "09:00-17:00", "zone": BERLIN}, "2026-11-22T08:00:00Z", True),
        ({"hours": "09:00-17:00", "zone": BERLIN}, "2026-07-22T07:00:00Z", True),
        ({"days": "mon-fri"}, "2026-11-22T12:00:00Z", False),  # a Sunday
        ({"days": ["sat-mon"]}, "2026-11-22T12:00:00Z", True),
        ({"days": "sat", "hours": "22:00-04:00"}, "2026-11-22T03:59:00Z", True),
        ({"days": "sat", "hours": "22:00-04:00"}, "2026-11-22T04:00:00Z", False),
        ({"days": "sat", "hours": "22:00-04:00"}, "2026-11-21T03:00:00Z", False),
        ({"days": "sun", "hours": "22:00-24:00"}, "2026-11-22T23:59:00Z", True),
        ({"days": "sat", "zone": "Pacific/Auckland"}, "2026-11-20T12:00:00Z", True),
        ({"hours": "02:15-02:45", "zone": BERLIN}, "2026-03-29T01:30:00Z", False),  # the hour that is not
        ({"hours": "02:15-02:45", "zone": BERLIN}, "2026-10-25T00:30:00Z", True),  # the hour that is twice
        ({"hours": "02:15-02:45", "zone": BERLIN}, "2026-10-25T01:30:00Z", True),
    ],
)
def test_a_window_is_open_by_the_clock_on_the_wall(given: dict[str, object], moment: str, is_open: bool) -> None:
    assert windows.is_open([window(**given)], at(moment)) is is_open


def test_without_windows_it_is_always_open_and_stays_so() -> None:
    assert windows.is_open([], 0)
    assert windows.next_change([], 0) is None


def test_one_of_several_is_enough() -> None:
    several = [window(days="mon"), window(hours="12:00-13:00")]

    assert windows.is_open(several, at("2026-11-22T12:30:00Z"))
    assert windows.is_open(several, at("2026-11-23T18:00:00Z"))
    assert not windows.is_open(several, at("2026-11-22T18:00:00Z"))


@pytest.mark.parametrize(
    ("given", "moment", "expected"),
    [
        ({"hours": "09:00-17:00"}, "2026-11-22T08:00:00Z", "2026-11-22T09:00:00Z"),
        ({"hours": "09:00-17:00"}, "2026-11-22T09:00:00Z", "2026-11-22T17:00:00Z"),
        ({"days": "fri", "hours": "09:00-17:00", "zone": BERLIN}, "2026-03-27T17:00:00Z", "2026-04-03T07:00:00Z"),
        ({"days": "mon-fri"}, "2026-11-20T12:00:00Z", "2026-11-21T00:00:00Z"),
        ({"days": "sat", "hours": "22:00-04:00"}, "2026-11-22T05:00:00Z", "2026-11-28T22:00:00Z"),
        ({"hours": "02:15-02:45", "zone": BERLIN}, "2026-03-28T12:00:00Z", "2026-03-30T00:15:00Z"),
    ],
)
def test_the_next_change_is_told(given: dict[str, object], moment: str, expected: str) -> None:
    assert windows.next_change([window(**given)], at(moment)) == at(expected)


def test_a_window_that_never_closes_never_changes() -> None:
    assert windows.next_change([window()], at("2026-11-22T12:00:00Z")) is None


_clock = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
_any_window = st.builds(
    lambda days, hours, place: window(days=sorted(days), hours="-".join(hours), zone=place),
    st.sets(st.sampled_from(DAYS), min_size=1),
    st.tuples(_clock, _clock).filter(lambda hours: hours[0] != hours[1]),
    st.sampled_from(["UTC", BERLIN, "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"]),
)


@FEW
@given(
    st.lists(_any_window, min_size=1, max_size=2), st.integers(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"))
)
def test_until_the_next_change_nothing_changes(several: list[Window], now: int) -> None:
    expected = windows.is_open(several, now)

    change = windows.next_change(several, now)

    if change is not None:
        assert windows.is_open(several, change) is not expected
    until = change if change is not None else now + 8 * DAY
    step = max(MINUTE, (until - now) // 50 // MINUTE * MINUTE)
    for moment in range(now, until, step):
        assert windows.is_open(several, moment) is expected


def test_zones_are_those_of_the_database_whatever_the_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONTZPATH", "")

    assert {"UTC", BERLIN, "America/Argentina/Buenos_Aires"} <= zones()
    assert zone(BERLIN).key == BERLIN
    with pytest.raises(UnknownZoneError, match="there is no time zone"):
        zone("../../etc/passwd")
    with pytest.raises(UnknownZoneError):
        windows.is_open([window(zone="Europe/Berln")], 3 * HOUR)

"""Windows: whether a moment lies in one of some time windows, and when that changes.

Where clocks are turned, a window opens and closes by what the clock on the wall says, so that it may be an hour longer
or shorter.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from reconciler.zones import zone
from schema.documents.rollout import DAYS, Window
from schema.time import DAY, EPOCH, MINUTE


def is_open(windows: Sequence[Window], now: int) -> bool:
    """Whether one of the windows is open; without any, always.

    Args:
        now: microseconds since 1970, UTC.

    Raises:
        UnknownZoneError
    """
    return not windows or any(_is_open(window, now) for window in windows)


def next_change(windows: Sequence[Window], now: int) -> int | None:
    """The first moment after `now`, in microseconds, at which `is_open` answers otherwise; None: not within nine days.

    Raises:
        UnknownZoneError
    """
    if not windows:
        return None
    is_now = is_open(windows, now)
    for edge in sorted(edge for window in windows for edge in _edges(window, now)):
        if edge > now and is_open(windows, edge) is not is_now:
            return edge
    return None


def _is_open(window: Window, now: int) -> bool:
    local = _local(window, now)
    minute = local.hour * 60 + local.minute
    start, end = _bounds(window)
    today = DAYS[local.weekday()] in window.days
    if start < end:
        return today and start <= minute < end
    yesterday = DAYS[(local.weekday() - 1) % 7] in window.days
    return (today and minute >= start) or (yesterday and minute < end)


def _edges(window: Window, now: int) -> list[int]:
    """Moments at which a window may open or close: those of its hours, and those at which clocks are turned."""
    place, found = zone(window.zone), []
    first = _local(window, now).date() - timedelta(days=1)
    for offset in range(10):
        midnight = datetime.combine(first + timedelta(days=offset), datetime.min.time(), tzinfo=place)
        for minute in _bounds(window):
            wall = midnight + timedelta(minutes=minute)
            for fold in (0, 1):
                moment = wall.replace(fold=fold).astimezone(UTC)
                found.append((moment - EPOCH) // timedelta(microseconds=1))
        turned = midnight.utcoffset() != (midnight + timedelta(days=1)).utcoffset()
        if turned:  # seldom: every quarter of an hour of that day, which is all that any zone's clock is turned by
            begin = (midnight.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)
            found += range(begin, begin + DAY + 2 * 60 * MINUTE, 15 * MINUTE)
    return found


def _bounds(window: Window) -> tuple[int, int]:
    start, _, end = window.hours.partition("-")
    return _minutes(start), _minutes(end)


def _minutes(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)


def _local(window: Window, now: int) -> datetime:
    return (EPOCH + timedelta(microseconds=now)).astimezone(zone(window.zone))

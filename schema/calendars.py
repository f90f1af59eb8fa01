"""Calendar events of systemd.time(7), as far as they can be told right or wrong without systemd.

Every event that systemd takes is taken here, but for `@SECONDS`; a few that it refuses (a time zone that no host has)
are taken too.
"""

from __future__ import annotations

import re
from typing import Final

_SHORT: Final = frozenset(
    {"minutely", "hourly", "daily", "monthly", "weekly", "yearly", "annually", "quarterly", "semiannually"}
)
_DAYS: Final = frozenset(
    {"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
    | {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
)
_ITEM: Final = re.compile(r"^(\*|(\d{1,4})(\.\d+)?(\.\.(\d{1,4})(\.\d+)?)?)(/(\d{1,4})(\.\d+)?)?$", re.ASCII)
_DATE: Final = re.compile(r"^((?P<year>[^-~:]+)-)?(?P<month>[^-~:]+)[-~](?P<day>[^-~:]+)$")
_TIME: Final = re.compile(r"^(?P<hour>[^:]+):(?P<minute>[^:]+)(:(?P<second>[^:]+))?$")
_ZONE: Final = re.compile(r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$", re.ASCII)
_BOUNDS: Final = {
    "year": (1970, 9999),
    "month": (1, 12),
    "day": (1, 31),
    "hour": (0, 23),
    "minute": (0, 59),
    "second": (0, 59),
}
_MAX_CHARS: Final = 256


def complaint(text: str) -> str:
    """What is wrong with a calendar event; empty for one that systemd takes."""
    words = text.split()
    if not words or len(text) > _MAX_CHARS or text != text.strip() or "\n" in text:
        return "is no calendar event"
    if words[0].lower() in _SHORT:
        rest = words[1:]
        return "" if not rest or (len(rest) == 1 and _ZONE.match(rest[0])) else f"has {' '.join(rest)!r} too much"
    seen = []
    for place, word in enumerate(words):
        kind, wrong = _part(word, first=place == 0, last=place == len(words) - 1 and place > 0)
        if wrong:
            return wrong
        seen.append(kind)
    order = [kind for kind in ("days", "date", "time", "zone") if kind in seen]
    if seen != order:
        return "is not in the order days, date, time, zone"
    return "" if seen != ["zone"] else "is no calendar event"


def _part(word: str, *, first: bool, last: bool) -> tuple[str, str]:
    if first and _is_days(word):
        return "days", ""
    for kind, pattern in (("time", _TIME), ("date", _DATE)):
        if found := pattern.match(word):
            wrong = [name for name, value in found.groupdict().items() if value is not None and not _holds(value, name)]
            return kind, f"has a {wrong[0]} {found[wrong[0]]!r} that there is not" if wrong else ""
    if last and _ZONE.match(word) and word.lower() not in _DAYS:
        return "zone", ""
    return "", f"has {word!r}, which is no day, date, time or zone"


def _is_days(word: str) -> bool:
    parts = re.split(r",|\.\.|-", word.lower().rstrip(","))
    return all(part in _DAYS for part in parts)


def _holds(value: str, name: str) -> bool:
    low, high = _BOUNDS[name]
    for item in value.split(","):
        found = _ITEM.match(item)
        if found is None:
            return False
        if (found[3] or found[6] or found[9]) and name != "second":
            return False
        numbers = [int(each) for each in (found[2], found[5]) if each is not None]
        if name == "year":
            numbers = [each + (2000 if each < 70 else 1900) if each < 100 else each for each in numbers]
        if any(not low <= each <= high for each in numbers) or (found[8] is not None and int(found[8]) == 0):
            return False
        if len(numbers) == 2 and numbers[0] > numbers[1]:
            return False
    return True

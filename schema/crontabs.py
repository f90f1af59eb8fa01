"""Times of crontab(5), as far as Debian's cron, cronie and busybox agree on them."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints

_FIELD: Final = r"[0-9*/,A-Za-z-]+"
_NICKNAMES: Final = ("reboot", "yearly", "annually", "monthly", "weekly", "daily", "midnight", "hourly")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final[tuple[tuple[str, int, int, dict[str, int]], ...]] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of the week", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)
_ITEM: Final = re.compile(
    r"^(\*|(?P<first>[0-9]{1,2}|[a-z]{3})(-(?P<last>[0-9]{1,2}|[a-z]{3}))?)(/(?P<step>[0-9]{1,2}))?$"
)


def complaint(text: str) -> str:
    """What is wrong with a schedule; empty for one that cron takes.

    A file of /etc/cron.d with one time that cron does not take is passed over whole, and only cron's log says so.
    """
    if text.startswith("@"):
        return "" if text[1:] in _NICKNAMES else f"{text} is none of @{', @'.join(_NICKNAMES)}"
    fields = text.split()
    if len(fields) != len(_FIELDS):
        return f"has {len(fields)} fields, and takes five: minute, hour, day of the month, month, day of the week"
    for field, (name, least, most, names) in zip(fields, _FIELDS, strict=True):
        for item in field.split(","):
            if why := _item(item.lower(), least, most, names):
                return f"the {name} {field}: {why}"
    return ""


def _item(item: str, least: int, most: int, names: dict[str, int]) -> str:
    found = _ITEM.match(item)
    if found is None:
        return f"{item or 'nothing'} is no number, range or *"
    ends = []
    for end in filter(None, (found["first"], found["last"])):
        number = names.get(end, int(end) if end.isdigit() else -1)
        if not least <= number <= most:
            return f"{end} is not from {least} to {most}"
        ends.append(number)
    if len(ends) > 1 and ends[0] > ends[1]:
        return f"{item} ends before it begins"
    if found["step"] and (int(found["step"]) == 0 or (ends and len(ends) == 1)):
        return f"{item} has a step that is none: a step needs * or a range"
    return ""


def _sound(text: str) -> str:
    if text and (why := complaint(text)):
        raise ValueError(why)
    return text


Schedule = Annotated[str, StringConstraints(pattern=rf"^(|@[a-z]+|{_FIELD}( +{_FIELD})*)$"), AfterValidator(_sound)]
"""Empty, five fields, or one of cron's nicknames."""

"""Time: UTC integer microseconds inside, RFC 3339 with `Z` outside.

Order never comes from here; it comes from sequences. Intervals and leases use a monotonic clock.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Protocol

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_FIRST: Final = (datetime.min.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
_LAST: Final = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
_UNITS: Final = {"d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND}
_DURATION: Final = re.compile(r"(?:[0-9]{1,9}[dhms])+")


class Clock(Protocol):
    """Where a core reads time; tests and the simulator fill in their own."""

    def now(self) -> int:
        """Wall time, microseconds since 1970 UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...


def to_rfc3339(micros: int) -> str:
    """Microseconds as `2026-03-13T14:30:00Z`, with a fraction only where there is one."""
    moment = EPOCH + timedelta(microseconds=micros)
    text = moment.isoformat(timespec="microseconds" if micros % SECOND else "seconds")
    return text.removesuffix("+00:00") + "Z"


def from_rfc3339(text: str) -> int:
    """Microseconds of an RFC 3339 time.

    Raises:
        ValueError: not a time, or one without an offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write it in UTC, as 2026-03-13T14:30:00Z")
    return (moment - EPOCH) // timedelta(microseconds=1)


def parse_duration(text: str) -> int:
    """Microseconds of `720h`, `90d`, `1h30m`.

    Raises:
        ValueError: not a duration.
    """
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text[:32]!r} is not a duration; write 720h, 90d or 1h30m")
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"([0-9]+)([dhms])", text))


def _read(value: Any) -> Any:
    return from_rfc3339(value) if isinstance(value, str) else value


def _written(value: int) -> int:
    if not _FIRST <= value <= _LAST:
        raise ValueError("a time that is not in the years 1 to 9999 cannot be written")
    return value


Instant = Annotated[
    int,
    AfterValidator(_written),
    BeforeValidator(_read, json_schema_input_type=str),
    PlainSerializer(to_rfc3339, return_type=str, when_used="json"),
]
"""Microseconds in Python, RFC 3339 in JSON; in the years that both can say."""

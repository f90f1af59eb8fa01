"""Clock and time zone: localtime(5), adjtime(5)."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from agent.hosts import Host, Kind
from agent.traits import sources
from schema.time import SECOND, to_rfc3339

_LINK: Final = "/etc/localtime"
_ZONES: Final = "/zoneinfo/"


def collect(host: Host) -> dict[str, Any]:
    """`time.*` of `schema.traits`."""
    zone = _zone(host)
    now = int(time.time())
    return {
        "now": to_rfc3339(now * SECOND),
        "timezone": zone,
        "utc_offset_s": _offset(zone, now),
        "rtc_local": (sources.text(host, "/etc/adjtime") or "").splitlines()[2:3] == ["LOCAL"],
    }


def _zone(host: Host) -> str:
    found = host.lstat(_LINK)
    if found is not None and found.kind is Kind.SYMLINK:
        _, zones, name = host.readlink(_LINK).partition(_ZONES)
        if zones:
            return name.removeprefix("posix/").removeprefix("right/")
    return next(sources.meaningful(sources.text(host, "/etc/timezone") or ""), "UTC")


def _offset(zone: str, now: int) -> int:
    try:
        offset = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(zone)).utcoffset()
    except (LookupError, ValueError, OSError):  # no such zone, or a name that is a path out of the zones
        return 0
    return int(offset.total_seconds()) if offset is not None else 0

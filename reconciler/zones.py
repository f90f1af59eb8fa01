"""Time zones: those of the `tzdata` package, whatever the machine has, so that a tree means the same everywhere."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo


class UnknownZoneError(ValueError):
    """The IANA database has no zone of this name."""


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """A zone of the IANA database.

    Raises:
        UnknownZoneError: there is none of this name.
    """
    if name not in zones():
        raise UnknownZoneError(f"there is no time zone {name}")
    path = resources.files("tzdata.zoneinfo").joinpath(*name.split("/"))
    with path.open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """The names of all zones."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text("utf-8").split())

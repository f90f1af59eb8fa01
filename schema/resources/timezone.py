"""The time zone of the host."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schema.resources.base import ResourceSpec


class TimezoneSpec(ResourceSpec):
    """`/etc/localtime`, and `/etc/timezone` where the host has one.

    Running programs keep the zone they started with.
    """

    IDENTITY: ClassVar[str] = "timezone"

    timezone: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_+-]*(/[A-Za-z0-9][A-Za-z0-9_+-]*){0,3}$", max_length=100)
    """A name of the zone database: `Europe/Berlin`, `Etc/UTC`."""

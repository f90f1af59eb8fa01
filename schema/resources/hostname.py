"""The host's own name."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schema.resources.base import ResourceSpec


class HostnameSpec(ResourceSpec):
    """The name in `/etc/hostname`, the one that the kernel has now, and a line of `/etc/hosts` that finds it."""

    IDENTITY: ClassVar[str] = "hostname"

    hostname: str = Field(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$", max_length=64
    )
    """Whole (`web01.example.com`) or short, as the host is to call itself."""
    hosts: bool = True
    """See to a line `127.0.1.1 web01.example.com web01` in `/etc/hosts`, where no other line has the name."""

"""A package of the host's own package manager."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from schema.resources.base import ResourceSpec


class PackageSpec(ResourceSpec):
    """One package, installed or not. Apt is the backend that exists; a host without it reports it as skipped."""

    IDENTITY: ClassVar[str] = "package"
    OWNS: ClassVar[str | None] = "package"

    package: str = Field(
        pattern=r"^[a-z0-9]([a-z0-9.+-]*[a-z0-9.+])?(:[a-z0-9]([a-z0-9-]*[a-z0-9])?)?$", max_length=128
    )
    state: Literal["present", "absent", "purged"] = "present"
    version: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9.+~:-]*$", max_length=128)
    """Exactly this version; any when not given."""

"""A local group."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from schema.resources.base import ResourceSpec


class GroupSpec(ResourceSpec):
    """One Unix group in the host's own files."""

    IDENTITY: ClassVar[str] = "group"
    OWNS: ClassVar[str | None] = "group"

    group: str = Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")
    state: Literal["present", "absent"] = "present"
    gid: int | None = Field(default=None, ge=0, le=2**32 - 2)
    system: bool = False

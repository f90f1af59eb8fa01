"""How far AppArmor holds a program to its profile."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from schema.resources.base import ResourceSpec


class ApparmorSpec(ResourceSpec):
    """The state of one profile of `/etc/apparmor.d`: now, and after the next boot."""

    IDENTITY: ClassVar[str] = "apparmor"
    OWNS: ClassVar[str | None] = "apparmor profile"

    apparmor: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$", max_length=200)
    """The profile's file: `usr.sbin.cupsd`. Its text is a matter of `file`."""
    state: Literal["enforce", "complain", "disabled"] = "enforce"
    """Refuse what it does not allow; only note it; or do not load it at all."""

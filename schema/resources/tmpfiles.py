"""Paths that are made, cleaned and removed at the start of the host: a file of its own in /etc/tmpfiles.d."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec

TmpfilesLine = Annotated[
    str,
    StringConstraints(
        pattern=r'^[A-Za-z][!+=~^$-]{0,4}[ \t]+("/[^\n\r\x00"]*"|/\S*)([ \t]+[^\n\r\x00]*)?$', max_length=2048
    ),
]
"""`TYPE PATH MODE USER GROUP AGE ARGUMENT` of tmpfiles.d(5); fields at the end may be left out."""


class TmpfilesSpec(ResourceSpec):
    """One file `/etc/tmpfiles.d/vigo-NAME.conf`, which `systemd-tmpfiles --create` carries out when it changes."""

    IDENTITY: ClassVar[str] = "tmpfiles"
    OWNS: ClassVar[str | None] = "tmpfiles"

    tmpfiles: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)
    """Name of the file."""
    state: Literal["present", "absent"] = "present"
    """Absent: the file goes; what it had made stays."""
    lines: list[TmpfilesLine] = Field(default=[], max_length=500)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.state == "present" and not self.lines:
            raise ValueError("a file that is to be present needs lines")
        return self

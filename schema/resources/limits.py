"""Limits of what sessions may use."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec

_ITEMS = (
    "core|data|fsize|memlock|nofile|rss|stack|cpu|nproc|as|maxlogins|maxsyslogins|nonewprivs|priority|locks|sigpending"
    "|msgqueue|nice|rtprio|chroot"
)
LimitLine = Annotated[
    str, StringConstraints(pattern=rf"^\S+[ \t]+(hard|soft|-)[ \t]+({_ITEMS})[ \t]+\S+$", max_length=500)
]
"""One line of limits.conf(5)."""


class LimitsSpec(ResourceSpec):
    """`/etc/security/limits.d/LIMITS.conf`, which pam_limits reads when a session begins."""

    IDENTITY: ClassVar[str] = "limits"
    OWNS: ClassVar[str | None] = "limits"

    limits: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)
    """Name of the file. They are read in the order of their names, and the last word counts: `90-app`."""
    state: Literal["present", "absent"] = "present"
    entries: list[LimitLine] = Field(default=[], max_length=1000)
    """Lines of limits.conf(5): `"@dev hard nproc 200"`, `"* soft nofile 65536"`."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.state == "present" and not self.entries:
            raise ValueError("limits that are to be present need entries")
        return self

"""A unit of systemd: its file whole, or a drop-in beside it."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import ResourceSpec

UNIT = r"[A-Za-z0-9:_.\\@-]{1,200}\.(service|socket|timer|path|mount|automount|target|slice|swap)"


class SystemdUnitSpec(ResourceSpec):
    """`/etc/systemd/system/UNIT`, verified before it is put in place; systemd reads it anew when it has changed.

    A unit that runs keeps running as it was started: let this notify its service (`state: restarted`).
    """

    IDENTITY: ClassVar[str] = "unit"
    OWNS: ClassVar[str | None] = "systemd_unit"

    unit: str = Field(pattern=rf"^{UNIT}(\.d/[A-Za-z0-9_.-]{{1,100}}\.conf)?$", max_length=320)
    """`shop.service`; or `nginx.service.d/limits.conf`, a drop-in of a unit that something else brings."""
    state: Literal["present", "absent"] = "present"
    """Absent: the unit is stopped and disabled, and its file goes."""
    content: str | None = Field(default=None, max_length=262_144)
    source: str | None = None
    """A file or template of the config repository, in place of `content`."""
    enabled: bool | None = None
    """Whether it starts with the host; left as it is when not given."""
    running: bool | None = None
    """Whether it runs; left as it is when not given."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.state == "present" and (self.content is None) == (self.source is None):
            raise ValueError("a unit that is to be present needs content or source")
        if self.state == "absent" and (self.enabled or self.running):
            raise ValueError("a unit that is to be absent can neither run nor start with the host")
        return self

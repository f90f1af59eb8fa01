"""A file system in its place: in /etc/fstab, and mounted."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec

MountOption = Annotated[str, StringConstraints(pattern=r"^[^\s,\x00-\x1f]+$", max_length=500)]
Plain = r"^[^\x00-\x1f]*$"


class MountSpec(ResourceSpec):
    """One place. What is mounted and what stands in `/etc/fstab` are one wish; lines of others, and comments, stay.

    Nothing is ever unmounted by force: a place in use fails, and the report says so.
    """

    IDENTITY: ClassVar[str] = "path"
    OWNS: ClassVar[str | None] = "mount"

    path: str = Field(pattern=r"^/[^\x00-\x1f]*[^\x00-\x1f/]$", max_length=1024)
    """Where it is mounted. Made, with mode 0755, when it is to be mounted and there is nothing."""
    state: Literal["mounted", "present", "unmounted", "absent"] = "mounted"
    """Mounted: now and with the host. Present: in fstab, whatever is mounted. Unmounted: not now, whatever fstab says.
    Absent: neither."""
    device: str = Field(default="", pattern=Plain, max_length=1024)
    """A device, `UUID=…`, `LABEL=…`, `server:/export`, or `tmpfs`."""
    fstype: str = Field(default="", pattern=r"^([A-Za-z0-9_.-]+(,[A-Za-z0-9_.-]+)*)?$", max_length=100)
    options: list[MountOption] = Field(default=["defaults"], min_length=1, max_length=50)
    """Compared as a set: another order is no change."""
    dump: int = Field(default=0, ge=0, le=9)
    passno: int = Field(default=0, ge=0, le=9)
    """When it is checked at the start of the host: 1 the root, 2 others, 0 never."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.state in ("mounted", "present") and not (self.device and self.fstype):
            raise ValueError("what is to be mounted needs device and fstype")
        if self.device.startswith("-"):
            raise ValueError("a device does not begin with a dash")
        return self

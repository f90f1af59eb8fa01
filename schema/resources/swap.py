"""Swap space: a file or a device, in use now and with the host."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import ResourceSpec

_UNITS = {"M": 1024**2, "G": 1024**3}


class SwapSpec(ResourceSpec):
    """One swap file or device, in use, and in `/etc/fstab`.

    A file is made where there is none. A device is made ready only with `format: true`, and only when it holds nothing
    that is known; a file or device that holds something else is never touched.
    """

    IDENTITY: ClassVar[str] = "path"
    OWNS: ClassVar[str | None] = "swap"

    path: str = Field(pattern=r"^/[^\x00-\x1f]*[^\x00-\x1f/]$", max_length=1024)
    state: Literal["present", "absent"] = "present"
    """Absent: no longer in use, not in fstab, and a swap file is removed."""
    size: str | None = Field(default=None, pattern=r"^[1-9][0-9]{0,6}[MG]$")
    """Of a file: `512M`, `4G`. A file of another size is made anew."""
    format: bool = False
    """Whether an empty device may be made ready."""
    priority: int | None = Field(default=None, ge=-1, le=32_767)
    """The higher is used first; the kernel's own order when not given."""

    @property
    def size_bytes(self) -> int | None:
        """The size as a number."""
        return None if self.size is None else int(self.size[:-1]) * _UNITS[self.size[-1]]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        device = self.path.startswith("/dev/")
        if self.state == "present" and not device and self.size is None:
            raise ValueError("a swap file needs a size")
        if device and self.size is not None:
            raise ValueError("the size of a device is its own")
        return self

"""A module of the kernel: loaded with the host and now, or kept out."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec

OptionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$", max_length=100)]
OptionValue = Annotated[str, StringConstraints(pattern=r"^[^\s#\\\"'\x00-\x1f]*$", max_length=500)]


class KernelModuleSpec(ResourceSpec):
    """One module: `/etc/modules-load.d/vigo-NAME.conf`, `/etc/modprobe.d/vigo-NAME.conf`, and the running kernel."""

    IDENTITY: ClassVar[str] = "module"
    OWNS: ClassVar[str | None] = "kernel_module"

    module: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)
    state: Literal["loaded", "absent", "blacklisted"] = "loaded"
    """Loaded: with the host, and now. Absent: not by us. Blacklisted: neither for a device nor because another module
    or `modprobe` asks for it."""
    options: dict[OptionName, OptionValue] = Field(default={}, max_length=50)
    """Parameters it is loaded with; one that is loaded already has them after the next start."""
    live: bool = True
    """Whether it is loaded or unloaded now; one that is in use is not unloaded by force."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.options and self.state != "loaded":
            raise ValueError("options are for a module that is to be loaded")
        return self

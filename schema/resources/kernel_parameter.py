"""A parameter that the boot loader gives to the kernel."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import ResourceSpec


class KernelParameterSpec(ResourceSpec):
    """One word of the kernel's command line, for every kernel that GRUB can start.

    It counts from the next start on; until then the report says so. `reboot` can be let to follow.
    """

    IDENTITY: ClassVar[str] = "parameter"
    OWNS: ClassVar[str | None] = "kernel_parameter"

    parameter: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)
    state: Literal["present", "absent"] = "present"
    value: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.,:;/@+=%*()~^-]*$", max_length=500)
    """Behind an equals sign; a parameter without a value is a word alone (`quiet`)."""

    @property
    def word(self) -> str:
        """As it stands in the command line."""
        return self.parameter if self.value is None else f"{self.parameter}={self.value}"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.state == "absent" and self.value is not None:
            raise ValueError("what is to be absent has no value")
        return self

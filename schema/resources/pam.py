"""One line of a service of PAM."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec

PamArgument = Annotated[str, StringConstraints(pattern=r"^([^\s\x00\[\]#\\]+|\[[^\n\r\x00\]]+\])$", max_length=500)]
"""One argument of a module; in brackets where it has blanks."""


class PamSpec(ResourceSpec):
    """One line in `/etc/pam.d/SERVICE`, known by its facility and module; all other lines stay in their order.

    Refused: a module that is not installed, and what would leave a service without any line of `auth`.
    """

    IDENTITY: ClassVar[str] = "module"

    module: str = Field(pattern=r"^(/\S+/)?pam_[A-Za-z0-9_]+\.so$", max_length=255)
    """`pam_faillock.so`."""
    service: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)
    """`sshd`, `common-auth`, `system-auth`."""
    facility: Literal["auth", "account", "password", "session"]
    state: Literal["present", "absent"] = "present"
    control: str = Field(
        default="required",
        pattern=r"^(required|requisite|sufficient|optional|\[[a-z_]+=[a-z0-9]+( [a-z_]+=[a-z0-9]+)*\])$",
    )
    """`required`, `requisite`, `sufficient`, `optional`, or `[success=1 default=ignore]`."""
    arguments: list[PamArgument] = Field(default=[], max_length=50)
    """All of them."""
    having: PamArgument | None = None
    """Where a module stands in several lines: the one with this argument, as `preauth` of pam_faillock."""
    above: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_./-]+$", max_length=255)
    """Where a new line goes: before the first line of the facility with this module, or that includes this service."""
    below: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_./-]+$", max_length=255)
    """The same, behind the last. Without either, behind the last line of the facility."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.above is not None and self.below is not None:
            raise ValueError("give above or below, not both")
        if self.state == "present" and self.having is not None and self.having not in self.arguments:
            raise ValueError("the argument that the line is known by is one of its arguments")
        return self

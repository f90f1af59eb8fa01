"""A file of sudo's rules."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec

SudoRule = Annotated[str, StringConstraints(pattern=r"^[^\n\r\x00]*[^\n\r\x00\\]$", max_length=4096)]
"""One line of sudoers(5), whole: none goes on in the next."""


class SudoersSpec(ResourceSpec):
    """`/etc/sudoers.d/SUDOERS`, root's, mode 0440. `visudo -cf` must accept it before it replaces what is there."""

    IDENTITY: ClassVar[str] = "sudoers"
    OWNS: ClassVar[str | None] = "sudoers"

    sudoers: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*$", max_length=100)
    """Name of the file. sudo passes over a name with a dot or a tilde, so it has none."""
    state: Literal["present", "absent"] = "present"
    rules: list[SudoRule] = Field(default=[], max_length=1000)
    """Lines of sudoers(5): `deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart app`."""
    content: str | None = Field(default=None, pattern=r"^[^\x00]*$", max_length=64 * 1024)
    """The whole text, instead of rules; may be a template."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        given = bool(self.rules) + (self.content is not None)
        if self.state == "present" and given != 1:
            raise ValueError("sudoers that are to be present need rules or content, and not both")
        return self

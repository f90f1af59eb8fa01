"""A symbolic link."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath


class SymlinkSpec(ResourceSpec):
    """One symbolic link on the host; what it points at need not exist."""

    IDENTITY: ClassVar[str] = "path"
    OWNS: ClassVar[str | None] = "path"
    REVERTIBLE: ClassVar[bool] = True

    path: AbsolutePath
    target: str = ""
    state: Literal["present", "absent"] = "present"
    force: bool = False
    """Replace a regular file that stands in its place; a directory is never replaced."""

    @model_validator(mode="after")
    def _target_given(self) -> Self:
        if self.state == "present" and not self.target:
            raise ValueError("a link that is to be present needs a target")
        return self

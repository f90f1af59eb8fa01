"""One line within a file that somebody else owns."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath


class FileLineSpec(ResourceSpec):
    """A line that is to be in a file, or not. The file must exist unless `create` is set."""

    IDENTITY: ClassVar[str] = "path"

    path: AbsolutePath
    line: str = Field(pattern=r"^[^\n\r]*$")
    match: str | None = None
    """A regular expression (Python's `re`, searched line by line). Present: the last line it finds is replaced by
    `line`. Absent: every line it finds is removed."""
    after: str | None = None
    """Where a new line goes: behind the last line that this expression finds; else at the end."""
    state: Literal["present", "absent"] = "present"
    create: bool = False

    @model_validator(mode="after")
    def _after_adds(self) -> Self:
        if self.state == "absent" and self.after is not None:
            raise ValueError("after says where a line is added; a line that is to be absent is not")
        return self

"""One line within a file that somebody else owns."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from schema.patterns import compile_pattern
from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath


def _compiles(text: str) -> str:
    compile_pattern(text)
    return text


LinePattern = Annotated[str, AfterValidator(_compiles)]
"""A regular expression in RE2's syntax, searched in one line at a time."""


class FileLineSpec(ResourceSpec):
    """A line that is to be in a file, or not. The file must exist unless `create` is set."""

    IDENTITY: ClassVar[str] = "path"

    path: AbsolutePath
    line: str = Field(default="", pattern=r"^[^\n\r]*$")
    """Required, unless `match` says which lines are to be absent."""
    match: LinePattern | None = None
    """Present: the last line it finds is replaced by `line`; one that does not find `line` itself replaces once, and
    is done when `line` is there. Absent: every line it finds is removed."""
    after: LinePattern | None = None
    """Where a new line goes: behind the last line that this expression finds; else at the end."""
    state: Literal["present", "absent"] = "present"
    create: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.state == "absent" and self.after is not None:
            raise ValueError("after says where a line is added; a line that is to be absent is not")
        if "line" not in self.model_fields_set and (self.state == "present" or self.match is None):
            raise ValueError("line is required, unless match says which lines are to be absent")
        return self

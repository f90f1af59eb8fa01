"""One line within a file that somebody else owns."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import PartSpec
from schema.shapes import SearchPattern


class FileLineSpec(PartSpec):
    """A line that is to be in a file, or not. The file must exist unless `create` is set."""

    line: str = Field(default="", pattern=r"^[^\n\r\x00]*$")
    """Required, unless `match` says which lines are to be absent."""
    match: SearchPattern | None = None
    """Present: the last line it finds is replaced by `line`; one that does not find `line` itself replaces once, and
    is done when `line` is there. Absent: every line it finds is removed."""
    after: SearchPattern | None = None
    """Where a new line goes: behind the last line that this expression finds; else at the end."""
    state: Literal["present", "absent"] = "present"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.state == "absent" and self.after is not None:
            raise ValueError("after says where a line is added; a line that is to be absent is not")
        if "line" not in self.model_fields_set and (self.state == "present" or self.match is None):
            raise ValueError("line is required, unless match says which lines are to be absent")
        return self

"""What an expression finds within a file that somebody else owns, replaced everywhere."""

from __future__ import annotations

import re
from typing import ClassVar, Final, Self

from pydantic import Field, model_validator

from schema.patterns import compile_pattern
from schema.resources.base import PartSpec
from schema.shapes import SearchPattern

MAX_REPLACED: Final = 10_000
_TEMPLATE: Final = re.compile(r"\\(.?)", re.DOTALL)


class ReplaceSpec(PartSpec):
    """Every place of a file that a regular expression (RE2) finds becomes `replacement`; a file where it finds nothing
    is as it should be, and so is one that is not there.

    A replacement that the expression would change again and again is refused, and so are more than 10,000 places.
    """

    create: ClassVar[bool] = False  # type: ignore[misc]  # there is nothing to find in a file that is not there
    pattern: SearchPattern = Field(min_length=1)
    """Searched in the whole text: `(?m)` lets `^` and `$` mean lines, `(?s)` lets `.` be a line's end."""
    replacement: str = Field(default="", pattern=r"^[^\x00]*$", max_length=64 * 1024)
    """`\\1` ... `\\9` are what the groups found, `\\0` is all of it, `\\\\` a backslash."""

    @property
    def pieces(self) -> list[str | int]:
        """The replacement: text, and numbers of groups."""
        found: list[str | int] = []
        for at, piece in enumerate(_TEMPLATE.split(self.replacement)):
            found.append(piece if at % 2 == 0 else int(piece) if piece.isdigit() else piece)
        return [piece for piece in found if piece != ""]

    @model_validator(mode="after")
    def _groups(self) -> Self:
        groups = compile_pattern(self.pattern).groups
        for reference in _TEMPLATE.findall(self.replacement):
            if reference != "\\" and not (reference.isascii() and reference.isdigit() and int(reference) <= groups):
                raise ValueError(f"\\{reference} in the replacement: the pattern has {groups} groups")
        return self

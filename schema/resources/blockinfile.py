"""Some lines between two marks within a file that somebody else owns."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import PartSpec
from schema.shapes import SearchPattern


class BlockinfileSpec(PartSpec):
    """Lines that are to be in a file as they are written, between a line that begins them and one that ends them.

    The marks are `# BEGIN vigo` and `# END vigo`; a file with several blocks needs a `label` for each. A mark without
    its other is refused: where the block ends is then not known.
    """

    block: str = Field(default="", pattern=r"^[^\x00]*$", max_length=1024 * 1024)
    """The lines; they may not hold the marks."""
    label: str = Field(default="vigo", pattern=r"^[^\r\n\x00]{1,200}$")
    """What stands behind BEGIN and END."""
    comment: str = Field(default="#", pattern=r"^[^\r\n\x00]{0,20}$")
    """What makes a line a comment."""
    comment_end: str = Field(default="", pattern=r"^[^\r\n\x00]{0,20}$")
    """What ends a comment, where that is needed: `-->`."""
    after: SearchPattern | None = None
    """Where a new block goes: behind the last line that this expression finds; else at the end."""
    at_start: bool = False
    """A new block goes to the beginning."""
    state: Literal["present", "absent"] = "present"
    """With `absent` the block is removed together with its marks."""

    @property
    def marks(self) -> tuple[str, str]:
        """The two lines."""
        begin, end = (" ".join(filter(None, (self.comment, f"{word} {self.label}", self.comment_end)))
                      for word in ("BEGIN", "END"))  # fmt: skip
        return begin, end

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.after is not None and self.at_start:
            raise ValueError("give after or at_start, not both")
        if self.state == "present" and "block" not in self.model_fields_set:
            raise ValueError("a block that is to be present needs its lines")
        if set(self.marks) & {line.strip() for line in self.block.splitlines()}:
            raise ValueError("a line of the block is one of its marks")
        return self

"""Which of several programs a name stands for: `update-alternatives`."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath


class AlternativesSpec(ResourceSpec):
    """One group of alternatives, as `editor` or `java`."""

    IDENTITY: ClassVar[str] = "alternative"
    OWNS: ClassVar[str | None] = "alternative"

    alternative: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=128)
    state: Literal["selected", "auto", "absent"] = "selected"
    """`selected`: `path` is the one, whatever else is installed. `auto`: the one with the highest priority is.
    `absent`: `path` is no longer among them."""
    path: AbsolutePath | None = Field(default=None, pattern=r"^/[^\n]*$")
    """One alternative."""
    link: AbsolutePath | None = Field(default=None, pattern=r"^/[^\n]*$")
    """With `priority`: have `path` among the alternatives for this link. Packages do that for their own."""
    priority: int | None = Field(default=None, ge=-(10**6), le=10**6)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.path is None and self.state != "auto":
            raise ValueError(f"an alternative that is to be {self.state} needs a path")
        if (self.link is None) != (self.priority is None):
            raise ValueError("link and priority belong together")
        if self.link is not None and (self.path is None or self.state == "absent"):
            raise ValueError("link and priority are of a path that is to be there")
        return self

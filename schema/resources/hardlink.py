"""Another name of a file."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath


class HardlinkSpec(ResourceSpec):
    """A second name for a regular file on the same file system. A symbolic link or a directory gets none.

    A file that is rewritten is a new one: a hard link that depends on it and has `force` follows in the same run.
    """

    IDENTITY: ClassVar[str] = "path"
    OWNS: ClassVar[str | None] = "path"

    path: AbsolutePath
    target: AbsolutePath | None = None
    """The file, by the name that it has; it must be there. For a user only one of their own."""
    state: Literal["present", "absent"] = "present"
    """With `absent` this name is removed if it is one of several; a file's only name is left alone."""
    force: bool = False
    """Replace another file, or a symbolic link, that stands in its place; with `absent`, remove a file's only name."""

    @model_validator(mode="after")
    def _target_given(self) -> Self:
        if (self.state == "present") != (self.target is not None):
            raise ValueError("a link that is to be present needs a target, one that is to be absent has none")
        return self

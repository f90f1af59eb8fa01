"""A directory: that it is there, and who may do what with it."""

from __future__ import annotations

from typing import ClassVar, Literal

from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath, FileMode


class DirectorySpec(ResourceSpec):
    """One directory on the host. Missing parents are made with mode 0755."""

    IDENTITY: ClassVar[str] = "path"
    OWNS: ClassVar[str | None] = "path"
    REVERTIBLE: ClassVar[bool] = True

    path: AbsolutePath
    state: Literal["present", "absent"] = "present"
    mode: FileMode | None = None
    owner: str | None = None
    """A name or a number. In a confined root one that it does not know, or that we may not set, is not managed."""
    group: str | None = None
    """The same for the group."""
    force: bool = False
    """With `state: absent`: remove it though it is not empty."""

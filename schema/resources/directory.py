"""A directory: that it is there, and who may do what with it."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from schema.precious import is_precious
from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath, FileMode


class DirectorySpec(ResourceSpec):
    """One directory on the host. Missing parents are made with mode 0755.

    With `recurse` owner, group and modes go down the tree, with `purge` goes what nobody manages; both leave alone what
    other resources of the host manage, follow no link, and are refused for directories that the host needs as they are.
    """

    IDENTITY: ClassVar[str] = "path"
    OWNS: ClassVar[str | None] = "path"
    REVERTIBLE: ClassVar[bool] = True

    path: AbsolutePath
    state: Literal["present", "absent"] = "present"
    mode: FileMode | None = None
    """Left as it is when not given; a directory that is new gets 0755."""
    owner: str | None = None
    """A name or a number. In a confined root one that it does not know, or that we may not set, is not managed."""
    group: str | None = None
    """The same for the group."""
    recurse: bool = False
    """Give all below it the same owner and group, and `file_mode` and `dir_mode`."""
    file_mode: FileMode | None = None
    """With `recurse`: of files below it."""
    dir_mode: FileMode | None = None
    """With `recurse`: of directories below it; its own is `mode`."""
    purge: bool = False
    """Remove all below it that no resource of this host manages. While one cannot be rendered, nothing is removed."""
    force: bool = False
    """With `state: absent`: remove it though it is not empty."""

    @model_validator(mode="after")
    def _sweeps(self) -> Self:
        if not self.recurse and (self.file_mode is not None or self.dir_mode is not None):
            raise ValueError("file_mode and dir_mode are for what is below it: recurse")
        if self.recurse and not (self.owner or self.group or self.file_mode or self.dir_mode):
            raise ValueError("recurse needs an owner, a group, file_mode or dir_mode")
        if self.state == "absent" and (self.recurse or self.purge):
            raise ValueError("a directory that is to be absent has nothing below it")
        if (self.recurse or self.purge) and is_precious(self.path):
            raise ValueError("recurse and purge are refused for a directory that the host needs as it is")
        return self

"""Who else may do what with a file or directory: entries of its access control list."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath

Permissions = Annotated[str, StringConstraints(pattern=r"^(r|-)?(w|-)?(x|-)?$")]
"""`rwx`, `r-x`, `rx`; empty: none."""
Account = Annotated[str, StringConstraints(pattern=r"^[^\s:,/\x00-]([^\s:,/\x00]*)$", max_length=256)]


class AclSpec(ResourceSpec):
    """Entries for users and groups of a POSIX access control list. What the owner, the owning group and others may do
    is the mode of the file; the list's mask is the mode's middle digit, so a `file` or `directory` that has a mode
    names it there.
    """

    IDENTITY: ClassVar[str] = "path"

    path: AbsolutePath
    """A file or directory that is there; of a symbolic link there is none."""
    users: dict[Account, Permissions] = Field(default={}, max_length=500)
    """User, by name or number → permissions."""
    groups: dict[Account, Permissions] = Field(default={}, max_length=500)
    """The same for groups."""
    mask: Permissions | None = None
    """The most that these entries and the owning group get; by default as much as any of them asks for."""
    default: bool = False
    """The list that what is made in a directory from then on begins with."""
    exclusive: bool = False
    """Entries of other users and groups are removed."""
    state: Literal["present", "absent"] = "present"
    """With `absent` these users and groups have no entries, whatever stands behind their names; with none given, the
    whole list is removed."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.state == "present" and not (self.users or self.groups or self.exclusive):
            raise ValueError("give users or groups; or state: absent")
        if self.state == "absent" and (self.mask is not None or self.exclusive):
            raise ValueError("what is to be absent has no mask, and nothing else to remove")
        return self

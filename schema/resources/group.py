"""A local group."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import AccountName, OneOrMany


class GroupSpec(ResourceSpec):
    """One Unix group in the host's own files."""

    IDENTITY: ClassVar[str] = "group"
    OWNS: ClassVar[str | None] = "group"

    group: AccountName
    state: Literal["present", "absent"] = "present"
    gid: int | None = Field(default=None, ge=0, le=2**32 - 2)
    system: bool = False
    """A new group gets a number of the system's range."""
    members: OneOrMany[AccountName] | None = None
    """Who is in it beside those whose primary group it is, all of them. For one user's groups see `user`."""

    @model_validator(mode="after")
    def _kept(self) -> Self:
        if self.group == "root" and self.state == "absent":
            raise ValueError("the group root cannot be removed")
        return self

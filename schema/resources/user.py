"""A local account."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath, OneOrMany


class UserSpec(ResourceSpec):
    """One Unix account in the host's own files. Fields not given are left as they are."""

    IDENTITY: ClassVar[str] = "user"
    OWNS: ClassVar[str | None] = "user"

    user: str = Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")
    state: Literal["present", "absent"] = "present"
    uid: int | None = Field(default=None, ge=0, le=2**32 - 2)
    group: str | None = Field(default=None, pattern=r"^[a-z_][a-z0-9_-]{0,31}$")
    """The primary group, which must exist."""
    groups: OneOrMany[str] | None = None
    """The supplementary groups, all of them: others are taken away."""
    comment: str | None = Field(default=None, pattern=r"^[^:\n]*$")
    home: AbsolutePath | None = None
    shell: AbsolutePath | None = None
    system: bool = False
    password_hash: str | None = Field(default=None, pattern=r"^[^:\n]+$")
    """As crypt(5) writes it; never shown. Use a secret."""
    create_home: bool = True
    """Make the home directory with the account; written as true, also when it is missing later."""
    remove_home: bool = False

"""A local account."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath, AccountName, OneOrMany


def _day(text: str) -> str:
    if text != "never":
        date.fromisoformat(text)
    return text


Day = Annotated[str, StringConstraints(pattern=r"^(never|\d{4}-\d{2}-\d{2})$"), AfterValidator(_day)]
"""`2027-01-31`, quoted, or `never`."""


class UserSpec(ResourceSpec):
    """One Unix account in the host's own files. Fields not given are left as they are."""

    IDENTITY: ClassVar[str] = "user"
    OWNS: ClassVar[str | None] = "user"

    user: AccountName
    state: Literal["present", "absent"] = "present"
    uid: int | None = Field(default=None, ge=0, le=2**32 - 2)
    group: AccountName | None = None
    """The primary group, which must exist."""
    groups: OneOrMany[AccountName] | None = None
    """The supplementary groups, all of them: others are taken away, unless `append`."""
    append: bool = False
    """Add to `groups` and take none away."""
    comment: str | None = Field(default=None, pattern=r"^[^:\n]*$")
    home: AbsolutePath | None = None
    shell: AbsolutePath | None = None
    system: bool = False
    password_hash: str | None = Field(default=None, pattern=r"^[^:\n]+$")
    """As crypt(5) writes it; never shown. Use a secret."""
    locked: bool | None = None
    """Whether the password is locked, as by `usermod --lock`. A key still opens the account; `expires` shuts it."""
    expires: Day | None = None
    """The day from which nobody may log in, keys or not: `"2027-01-31"` or `never`."""
    create_home: bool = True
    """Make the home directory with the account; written as true, also when it is missing later."""
    move_home: bool = False
    """When `home` changes, take along what is in the old one."""
    remove_home: bool = False
    """With the account that is to be absent, remove its home and mail."""

    @model_validator(mode="after")
    def _kept(self) -> Self:
        if self.user == "root" and self.state == "absent":
            raise ValueError("root cannot be removed")
        if self.locked is not None and (self.password_hash or "").startswith("!"):
            raise ValueError("a hash that begins with ! is a locked one: leave it away, or leave out locked")
        return self

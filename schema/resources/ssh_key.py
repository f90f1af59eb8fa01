"""A key that opens an account."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath, AccountName, Line, PublicKey

KeyOption = Annotated[
    str, StringConstraints(pattern=r'^[A-Za-z][A-Za-z0-9-]*(="([^"\\\n\r\x00]|\\.)*")?$', max_length=4096)
]
"""One option of sshd(8), AUTHORIZED_KEYS: `no-port-forwarding`, `from="10.0.0.0/8"`."""


class SshKeySpec(ResourceSpec):
    """One line of a user's `~/.ssh/authorized_keys`, known by its key; all other lines stay.

    The directory is made with mode 0700 and the file with 0600, the user's; a mode that lets others write, for which
    sshd would not read them, is narrowed.
    """

    IDENTITY: ClassVar[str] = "key"

    key: PublicKey
    """`ssh-ed25519 AAAA… comment`, as the file of the public key has it."""
    user: AccountName | None = None
    """Whose account it opens; needed, unless `path` says where. In a usercrate it is the user whose turn it is."""
    state: Literal["present", "absent"] = "present"
    options: list[KeyOption] = Field(default=[], max_length=50)
    """All options of the key: others are taken away."""
    comment: Line | None = None
    """Instead of the key's own comment; without either, the one that is there stays."""
    exclusive: bool = False
    """Make it the only key of the file: the lines of all others are removed."""
    path: AbsolutePath | None = None
    """Another file than the one in the home, where sshd has another `AuthorizedKeysFile`; it is made as root's."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.state == "absent" and self.exclusive:
            raise ValueError("a key that is to be absent cannot be the only one")
        return self

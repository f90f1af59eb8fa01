"""A host key that SSH trusts."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import AccountName, PublicKey


class KnownHostSpec(ResourceSpec):
    """One key of one server in `/etc/ssh/ssh_known_hosts`, or in a user's own file.

    Another key of the same type for that server is replaced; keys of other types stay, and so do the lines of
    certificate authorities and revoked keys.
    """

    IDENTITY: ClassVar[str] = "host"

    host: str = Field(pattern=r"^([A-Za-z0-9_.:-]+|\[[A-Za-z0-9_.:-]+\]:\d{1,5})$", max_length=255)
    """A name or an address; with a port other than 22 as `[git.example.com]:2222`."""
    state: Literal["present", "absent"] = "present"
    key: PublicKey | None = None
    """`ssh-ed25519 AAAA…`. Absent: only keys of this type go; without it, all of that server."""
    user: AccountName | None = None
    """Whose `~/.ssh/known_hosts` it is; without it, all users' file. In a usercrate it is the user whose turn it is."""
    hashed: bool = False
    """Write the server's name so that it cannot be read, as `HashKnownHosts yes` does."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.state == "present" and self.key is None:
            raise ValueError("a host that is to be known needs its key")
        return self

"""A name that the host knows by itself: a line of /etc/hosts."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import OneOrMany


def _address(text: str) -> str:
    ip_address(text)
    return text


HostLabel = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9])?$", max_length=253)]
HostAddress = Annotated[str, StringConstraints(max_length=45), AfterValidator(_address)]


class HostEntrySpec(ResourceSpec):
    """One host name in `/etc/hosts`, with one address of a family: IPv4 and IPv6 are two resources.

    Its line begins with the address and the name; the name and its aliases are taken out of other lines of that family.
    """

    IDENTITY: ClassVar[str] = "host"

    host: HostLabel
    state: Literal["present", "absent"] = "present"
    address: HostAddress | None = None
    """Absent: only where it has this address; without one, everywhere."""
    aliases: OneOrMany[HostLabel] = Field(default=[], max_length=30)
    """Other names, all of them."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.state == "present" and self.address is None:
            raise ValueError("a host that is to be known needs its address")
        return self

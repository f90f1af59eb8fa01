"""Where the host asks for names."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec


def _address(text: str) -> str:
    ip_address(text.partition("%")[0])
    return text


Nameserver = Annotated[
    str, StringConstraints(pattern=r"^[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?$", max_length=80), AfterValidator(_address)
]
Domain = Annotated[str, StringConstraints(pattern=r"^~?[A-Za-z0-9_.]([A-Za-z0-9._-]*)$", max_length=253)]
Option = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(:[0-9]+)?$", max_length=64)]


class ResolverSpec(ResourceSpec):
    """The host's name servers: `/etc/resolv.conf` whole, or what systemd-resolved is told to ask."""

    IDENTITY: ClassVar[str] = "resolver"
    OWNS: ClassVar[str | None] = "resolver"

    resolver: Literal["resolv.conf", "systemd-resolved"]
    """The file `/etc/resolv.conf`, or a file of its own for systemd-resolved."""
    nameservers: list[Nameserver] = Field(min_length=1, max_length=16)
    """In the order in which they are asked; the C library takes the first three of resolv.conf."""
    search: list[Domain] = Field(default=[], max_length=32)
    """Domains that a short name is looked for in."""
    options: list[Option] = Field(default=[], max_length=32)
    """Of resolv.conf(5): `timeout:2`, `rotate`."""
    takeover: bool = False
    """Replace a resolv.conf that something else keeps (systemd-resolved, resolvconf, NetworkManager)."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.resolver == "systemd-resolved" and (self.options or self.takeover):
            raise ValueError("options and takeover are about resolv.conf")
        return self

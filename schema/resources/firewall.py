"""One rule of the host's firewall."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import OneOrMany


def _network(text: str) -> str:
    return str(ip_network(text, strict=False))


def _ports(value: Any) -> Any:
    return [str(each) for each in (value if isinstance(value, list) else [value])] if value is not None else value


def _range(text: str) -> str:
    first, _, last = text.partition("-")
    if not 1 <= int(first) <= int(last or first) <= 65_535:
        raise ValueError(f"{text} is no port and no range of ports")
    return text


Network = Annotated[str, StringConstraints(max_length=49), AfterValidator(_network)]
PortRange = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,5}(-[0-9]{1,5})?$"), AfterValidator(_range)]


class FirewallSpec(ResourceSpec):
    """A rule, in words that nftables, ufw and firewalld share; it goes to the one that keeps this host's firewall.

    Connections that are established are always let through, and so is what the host says to itself.
    """

    IDENTITY: ClassVar[str] = "rule"
    OWNS: ClassVar[str | None] = "firewall rule"

    rule: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=60)
    """Its name."""
    state: Literal["present", "absent"] = "present"
    action: Literal["allow", "deny", "reject"] = "allow"
    """Let through, drop without a word, or refuse with an answer."""
    direction: Literal["in", "out"] = "in"
    protocol: Literal["any", "tcp", "udp", "icmp"] = "any"
    """`icmp` is that of IPv6 too."""
    ports: Annotated[list[PortRange], BeforeValidator(_ports)] = Field(default=[], max_length=15)
    """`443`, `[80, 443]`, `"8000-8010"`: where it goes to."""
    source: OneOrMany[Network] = Field(default=[], max_length=50)
    """Addresses or networks that it comes from; without any, everywhere."""
    destination: OneOrMany[Network] = Field(default=[], max_length=50)
    interface: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,14}$")
    order: int = Field(default=500, ge=0, le=999)
    """Rules with less come first, and the first that fits decides: give the one that denies all the rest 999."""
    backend: Literal["auto", "nftables", "ufw", "firewalld"] = "auto"
    """Which of them. By itself: ufw or firewalld where one is at work, else nftables."""

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Each source with each destination of its family; an empty text is any."""
        return [
            (source, target)
            for source in self.source or [""]
            for target in self.destination or [""]
            if not source or not target or (":" in source) == (":" in target)
        ]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.ports and self.protocol not in ("tcp", "udp"):
            raise ValueError("ports are of tcp or udp")
        if not self.pairs:
            raise ValueError("source and destination have no family of addresses in common")
        return self

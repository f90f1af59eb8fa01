"""Where the host's clock gets its time from."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec

Peer = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$", max_length=253)]
"""A host name or an address."""


class NtpSpec(ResourceSpec):
    """Exactly these servers and pools, in the configuration of the time client that the host has.

    The client reads them when it starts: let this notify its service (`state: restarted`).
    """

    IDENTITY: ClassVar[str] = "client"
    OWNS: ClassVar[str | None] = "ntp"

    client: Literal["auto", "chrony", "systemd-timesyncd"] = "auto"
    """`auto` is chrony where it is installed, else systemd-timesyncd."""
    servers: list[Peer] = Field(default=[], max_length=50)
    pools: list[Peer] = Field(default=[], max_length=50)
    """Names that stand for many servers; systemd-timesyncd takes them as servers."""
    iburst: bool = True
    """chrony: ask quickly at the start."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not (self.servers or self.pools):
            raise ValueError("a clock needs servers or pools")
        return self

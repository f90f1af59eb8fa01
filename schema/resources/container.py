"""A container of docker or podman."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath, ContainerRuntime, ImageName, OneOrMany

Port = Annotated[
    str,
    StringConstraints(pattern=r"^(([0-9.]+|\[[0-9a-f:]+\]):)?([0-9]+(-[0-9]+)?:)?[0-9]+(-[0-9]+)?(/(tcp|udp|sctp))?$"),
]
"""`[address:]port:port-within[/protocol]`."""
Volume = Annotated[
    str,
    StringConstraints(
        pattern=r"^(/[^:\x00\n]*|[A-Za-z0-9][A-Za-z0-9_.-]*):/[^:\x00\n]*(:[a-zA-Z,]+)?$", max_length=8192
    ),
]
"""`/path:/within` or `name:/within`, with options such as `:ro` behind it."""
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$", max_length=128)]
VariableValue = Annotated[str, StringConstraints(pattern=r"^[^\n\r\x00]*$", max_length=65_536)]
LabelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", max_length=128)]
Word = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=65_536)]


class ContainerSpec(ResourceSpec):
    """One container. When what it is made of has changed it is made anew: first the new one, then the old one goes.

    What stands in volumes stays. Values of its environment are no arguments of any program and are shown in no diff.
    """

    IDENTITY: ClassVar[str] = "container"
    OWNS: ClassVar[str | None] = "container"

    container: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=200)
    state: Literal["running", "stopped", "absent"] = "running"
    image: ImageName | None = None
    """Required, unless it is to be absent. Pulled when the host lacks it; when the host has another by that name, the
    container is made anew."""
    command: list[Word] = Field(default=[], max_length=200)
    """The words of a command, in place of the image's."""
    entrypoint: Word | None = None
    environment: dict[VariableName, VariableValue] = Field(default={}, max_length=500)
    """Sensitive: who may ask the runtime of the container sees it, and nobody else."""
    ports: OneOrMany[Port] = Field(default=[], max_length=200)
    volumes: OneOrMany[Volume] = Field(default=[], max_length=200)
    labels: dict[LabelName, VariableValue] = Field(default={}, max_length=200)
    network: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$", max_length=128)
    user: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:-]*$", max_length=128)
    """Who it runs as within, as `user` or `uid:gid`."""
    workdir: AbsolutePath | None = None
    memory: str | None = Field(default=None, pattern=r"^[1-9][0-9]*[bkmg]?$")
    """The most memory that it gets, as `512m`."""
    read_only: bool = False
    """Its own file system cannot be written to."""
    restart: Literal["no", "on-failure", "always", "unless-stopped"] = "unless-stopped"
    """When the runtime starts it again by itself."""
    stop_timeout_s: int = Field(default=10, ge=0, le=3600)
    """How long it has to end by itself."""
    runtime: ContainerRuntime | None = None
    """Docker where the host has it, else podman, when not given."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.state != "absent" and self.image is None:
            raise ValueError(f"a container that is to be {self.state} needs an image")
        if any(name.startswith("io.vigo.") for name in self.labels):
            raise ValueError("labels in io.vigo. are Vigo's own")
        return self

"""An image of containers, on the host."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec

ImageName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9][a-z0-9._-]*(:[0-9]+)?(/[a-z0-9][a-z0-9._-]*)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?"
        r"(@sha256:[0-9a-f]{64})?$",
        max_length=512,
    ),
]
"""`registry/path:tag`, or `@sha256:...` for exactly one image. Docker's registry and `latest` are meant where nothing
is said; podman asks for the whole name."""
Runtime = Literal["docker", "podman"]


class ContainerImageSpec(ResourceSpec):
    """One image in the store of docker or podman.

    A tag that is there is not looked for again: what it names may change any day, and a check asks nothing of the
    network. A `digest` says exactly which image it is to be.
    """

    IDENTITY: ClassVar[str] = "image"
    OWNS: ClassVar[str | None] = "container image"

    image: ImageName
    state: Literal["present", "absent"] = "present"
    digest: str | None = Field(default=None, pattern=r"^sha256:[0-9a-f]{64}$")
    """Of its manifest, as a registry shows it: the tag is made to name this image."""
    runtime: Runtime | None = None
    """Docker where the host has it, else podman, when not given."""

    @model_validator(mode="after")
    def _one_digest(self) -> Self:
        if self.digest is not None and ("@" in self.image or self.state == "absent"):
            raise ValueError("digest is of an image that is named by its tag and is to be present")
        return self

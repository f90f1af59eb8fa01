"""An image of containers, on the host."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import ContainerRuntime, ImageName


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
    runtime: ContainerRuntime | None = None
    """Docker where the host has it, else podman, when not given."""

    @model_validator(mode="after")
    def _one_digest(self) -> Self:
        if self.digest is not None and ("@" in self.image or self.state == "absent"):
            raise ValueError("digest is of an image that is named by its tag and is to be present")
        return self

"""A certificate authority that the host trusts."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import ResourceSpec


class CertificateSpec(ResourceSpec):
    """One certificate in the host's trust store, which all programs that use it then trust."""

    IDENTITY: ClassVar[str] = "certificate"
    OWNS: ClassVar[str | None] = "certificate"

    certificate: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)
    """Name of its file in the store."""
    state: Literal["present", "absent"] = "present"
    content: str | None = Field(default=None, max_length=64 * 1024)
    """One certificate in PEM."""
    source: str | None = None
    """The same, as a path under `files/`."""
    warn_days: int = Field(default=30, ge=0, le=36_500)
    """A report says so when it ends within so many days."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        given = (self.content is not None) + (self.source is not None)
        if given != (1 if self.state == "present" else 0):
            raise ValueError(
                "a certificate that is to be present needs content or source; one to be absent has neither"
            )
        return self

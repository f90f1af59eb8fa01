"""A private key of the host's own, and what asks an authority to certify it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath, FileMode, OneOrMany

SubjectName = Annotated[str, StringConstraints(pattern=r"^(\*\.)?[A-Za-z0-9_.:-]+$", max_length=253)]
SubjectValue = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]+$", max_length=64)]


class CertificateRequestSpec(ResourceSpec):
    """A key that is made on the host and never leaves it, and a signing request by it.

    A key that is there is kept, whatever its kind. The request is made anew when it is not by that key, or for another
    subject. Removing the resource removes neither.
    """

    IDENTITY: ClassVar[str] = "path"
    OWNS: ClassVar[str | None] = "path"

    path: AbsolutePath
    """Of the private key, in PEM. Its directory must be there."""
    algorithm: Literal["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096"] = "ecdsa-p256"
    """Of a new key."""
    mode: FileMode = "0600"
    owner: str = "root"
    group: str = "root"
    request: AbsolutePath | None = None
    """Where the request goes, in PEM; without it only the key is made."""
    common_name: SubjectValue | None = None
    organization: SubjectValue | None = None
    names: OneOrMany[SubjectName] = Field(default=[], max_length=100)
    """What the certificate is to be for: names and addresses."""
    certificate: AbsolutePath | None = None
    """Where the certificate will be: a report says so when it ends soon."""
    warn_days: int = Field(default=30, ge=0, le=36_500)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.path in (self.request, self.certificate):
            raise ValueError("key, request and certificate are files of their own")
        return self

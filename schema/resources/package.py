"""A package of the host's own package manager."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import OneOrMany, PackageName


class PackageSpec(ResourceSpec):
    """Packages, installed or not, by the tool that the host has: apt, dnf (or yum), zypper, apk or pacman.

    Several packages of one resource are one transaction: all of them, or none. Versions are compared with the package
    lists that the host has; a change of a `repository` fetches them anew, and so does a package that they do not know.
    """

    IDENTITY: ClassVar[str] = "package"
    OWNS: ClassVar[str | None] = "package"

    package: OneOrMany[PackageName] = Field(min_length=1, max_length=500)
    """One name, or a list of names."""
    state: Literal["present", "absent", "purged", "latest"] = "present"
    """`purged`: its configuration too, where the tool tells the two apart (apt, apk, pacman). `latest`: the newest
    version that the host's package lists know, unless the package is held."""
    version: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+~^:-]*$", max_length=128)
    """Exactly this version, older or newer than what is there; any when not given. For rpm the release may be left
    out."""
    hold: bool | None = None
    """Whether upgrades of the host pass it by (apt-mark, dnf versionlock, zypper lock, a pin in apk's world); left as
    it is when not given. Pacman has no such thing."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.package)) != len(self.package):
            raise ValueError("a package is named twice")
        if self.version is not None and len(self.package) > 1:
            raise ValueError("a version is of one package, not of several")
        if self.version is not None and self.state != "present":
            raise ValueError(f"a version is of a package that is present, not {self.state}")
        if self.hold and self.state != "present":
            raise ValueError(f"a package that is {self.state} cannot be held; hold is for state present")
        return self

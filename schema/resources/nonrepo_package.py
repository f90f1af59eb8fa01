"""A package from a file, for what no repository has."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath, PackageName


class NonrepoPackageSpec(ResourceSpec):
    """One package whose `.deb`, `.rpm`, `.apk` or pacman file lies on the host, brought by `file` or `download`.

    What it depends on comes from the host's repositories. The file is needed for as long as the package is to be
    installed, and its digest is what is trusted: a signature in it is not asked for.
    """

    IDENTITY: ClassVar[str] = "package"
    OWNS: ClassVar[str | None] = "package"

    package: PackageName
    """The name that the package has in the file, by which the host knows it."""
    state: Literal["present", "absent"] = "present"
    version: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+~^:-]*$", max_length=128)
    """The version that the file has; required when it is to be present. Nothing is done while it is installed."""
    path: AbsolutePath | None = Field(
        default=None, pattern=r"^/[A-Za-z0-9._+~^:@%/-]*\.(deb|rpm|apk|pkg\.tar(\.\w+)?)$"
    )
    """Where the file is. It must be root's, and writable for nobody else."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Of the file, in hexadecimal; held against it just before it is installed."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        given = (self.version, self.path, self.sha256)
        if self.state == "present" and None in given:
            raise ValueError("a package that is to be present needs version, path and sha256")
        if self.state == "absent" and given != (None, None, None):
            raise ValueError("a package that is to be absent has no version, path or sha256")
        return self

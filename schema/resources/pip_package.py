"""A Python package, in a virtual environment or in the system's Python."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath, OneOrMany

PipName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(\[[A-Za-z0-9._-]+(,[A-Za-z0-9._-]+)*\])?$", max_length=128
    ),
]
"""A name as PyPI has it, with its extras in brackets where it is to have some."""


class PipPackageSpec(ResourceSpec):
    """Python packages by pip. A virtual environment that is not there is made.

    A check asks nothing of the network, so that there is no `latest`: name a version, or requirements.
    """

    IDENTITY: ClassVar[str] = "package"

    package: OneOrMany[PipName] = Field(default=[], max_length=200)
    """One name, or a list of names; or else `requirements`."""
    state: Literal["present", "absent"] = "present"
    version: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9.!+_-]*$", max_length=64)
    """Exactly this version; any when not given."""
    requirements: AbsolutePath | None = None
    """A requirements file on the host: all that it says is to hold. What it does not say is left alone."""
    venv: AbsolutePath | None = None
    """The virtual environment; the system's own Python when not given."""
    python: str = Field(default="python3", pattern=r"^(/[^\x00]+|python[0-9.]*|pypy[0-9.]*)$")
    """The Python that makes the environment, or whose packages these are."""
    index_url: str | None = Field(default=None, pattern=r"^(https?|file)://[^\s\x00]+$")
    """Where packages come from, in place of PyPI. Never an argument of a program, so that it may hold a password."""
    break_system_packages: bool = False
    """Change a Python that belongs to the host's package manager (PEP 668), which may break what it brought."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.package) == (self.requirements is not None):
            raise ValueError("give package or requirements, one of them")
        if self.version is not None and (len(self.package) != 1 or self.state == "absent"):
            raise ValueError("a version is of one package that is present")
        if self.requirements is not None and self.state == "absent":
            raise ValueError("requirements hold or do not hold; packages that are to be absent are named")
        if self.venv is not None and self.break_system_packages:
            raise ValueError("a virtual environment breaks no packages of the system")
        return self

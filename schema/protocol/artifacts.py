"""What an agent is installed and updated from: a file, and the signed manifest that says which file it is.

The body of a manifest is canonical JSON, signed for `Domain.ARTIFACT`. Its sequence grows with each that a server
signs, and an agent takes none that is not greater than every one it has tried: neither an old one again, nor one that
failed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from schema.ids import Sha256
from schema.protocol.reports import Wire

MAX_ARTIFACT_BYTES: Final = 32 * 1024 * 1024
MAX_MANIFEST_BYTES: Final = 4 * 1024
PYTHON_PATTERN: Final = r"^(3\.\d{1,2})?$"
VERSION_PATTERN: Final = r"^\d{1,6}(\.\d{1,6}){1,3}$"
LIBC_VERSION_PATTERN: Final = r"^(\d{1,3}\.\d{1,3})?$"


class Kind(StrEnum):
    """How an artifact is packed."""

    ZIPAPP = "zipapp"  # with its dependencies, for one Python: a PEX
    SELF_CONTAINED = "self-contained"  # with a Python of its own: a tar.gz
    WHEEL = "wheel"  # without its dependencies: what a server has that built nothing


class Platform(Wire):
    """What an artifact runs on, and what an agent runs on."""

    kind: Kind
    os: Literal["linux"] = "linux"
    arch: str = Field(pattern=r"^[a-z0-9_]{1,16}$")
    """As `uname -m` says: x86_64, aarch64 ...; `any` for a wheel."""
    libc: Literal["glibc", "musl", "any"]
    python: str = Field(default="", pattern=PYTHON_PATTERN)
    """3.11, 3.12 ...; empty where it brings its own, or takes any from 3.11 on."""


class AgentBuild(Platform):
    """The build that an agent runs, where it can be replaced by another: a part of `hello`."""

    libc_version: str = Field(default="", pattern=LIBC_VERSION_PATTERN)
    """Of the host; empty where it is not known."""
    sequence: int = Field(ge=0)
    """The greatest that this host has tried."""
    returned: str = Field(default="", max_length=64)
    """The version that did not check in, and was taken back last."""


class Manifest(BaseModel):
    """What is signed of an artifact."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    format: Literal[2] = 2
    name: Literal["vigo-agent"] = "vigo-agent"
    kind: Kind
    os: Literal["linux"] = "linux"
    arch: str = Field(pattern=r"^[a-z0-9_]{1,16}$")
    libc: Literal["glibc", "musl", "any"]
    libc_min: str = Field(default="", pattern=LIBC_VERSION_PATTERN)
    """The oldest libc it runs with; empty where that is not known to matter."""
    python: str = Field(default="", pattern=PYTHON_PATTERN)
    version: str = Field(pattern=VERSION_PATTERN)
    sequence: int = Field(ge=0)
    sha256: Sha256
    size: Annotated[int, Field(gt=0, le=MAX_ARTIFACT_BYTES)]

    def runs_on(self, platform: Platform, libc_version: str = "") -> bool:
        """Whether this is for a platform, whose libc has this version (empty: it is not known)."""
        same = (self.kind, self.os, self.arch, self.libc, self.python) == (
            platform.kind, platform.os, platform.arch, platform.libc, platform.python,
        )  # fmt: skip
        return same and not (libc_version and self.libc_min and numbers(libc_version) < numbers(self.libc_min))


def numbers(version: str) -> tuple[int, ...]:
    """`1.10` as numbers, to be compared; zeros at the end say nothing."""
    parts = [int(part) for part in version.split(".")]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)

"""A directory that is what an archive holds, and nothing else."""

from __future__ import annotations

from typing import ClassVar, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from schema.ids import Sha256
from schema.precious import is_precious
from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath

_MIB: Final = 1024 * 1024


class ArchiveSpec(ResourceSpec):
    """A directory unpacked from a tar file (plain, gzip, bzip2, xz) or a zip file, told apart by what is in it.

    It is unpacked beside, then takes the directory's place at once; what stood there goes, with all that was put into
    it since. A list of what was unpacked (`.vigo-archive` within) says whether it still is so. Names that lead
    elsewhere, links, devices, and archives that grow beyond the bounds are refused, and then nothing has changed.
    """

    IDENTITY: ClassVar[str] = "path"
    OWNS: ClassVar[str | None] = "path"

    path: AbsolutePath
    """The directory; none that the host needs (/etc, /usr/bin ...). The one above it must exist."""
    source: str | None = None
    """An archive under `files/` of the repository."""
    file: AbsolutePath | None = None
    """Or one that is on the host, which a `download` may have brought."""
    sha256: Sha256 | None = None
    """What the archive must be. With it, an archive on the host may be gone once it is unpacked."""
    strip: int = Field(default=0, ge=0, le=64)
    """So many leading directories are cut off of each name; what then has none is left out."""
    owner: str | None = None
    """Whose all of it is; root's, or the user's in a home, when not given."""
    group: str | None = None
    links: Literal["refuse", "within"] = "refuse"
    """`within`: symbolic links may lead to what is in the same archive; of a hard link the file is written again."""
    setuid: bool = False
    """Let set-id bits be; else modes are 0755 for directories and programs, 0644 for other files."""
    force: bool = False
    """Take the place of a directory that was not made from an archive and is not empty; with `absent`, remove it."""
    max_mib: int = Field(default=256, ge=1, le=16_384)
    """Of all that is unpacked."""
    max_entries: int = Field(default=20_000, ge=1, le=200_000)
    max_ratio: int = Field(default=100, ge=1, le=10_000)
    """How many times the archive's size; the first MiB is free."""
    state: Literal["present", "absent"] = "present"

    @property
    def max_bytes(self) -> int:
        """Of all that is unpacked."""
        return self.max_mib * _MIB

    @field_validator("path")
    @classmethod
    def _deep(cls, value: str) -> str:
        if is_precious(value):
            raise ValueError("a directory that the host needs is not replaced by an archive")
        return "/" + "/".join(part for part in value.split("/") if part not in ("", "."))

    @model_validator(mode="after")
    def _one_archive(self) -> Self:
        if self.state == "present" and (self.source is None) == (self.file is None):
            raise ValueError("give source or file, and not both")
        if self.state == "absent" and (self.source is not None or self.file is not None):
            raise ValueError("what is to be absent comes from no archive")
        return self

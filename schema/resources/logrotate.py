"""Rotation of log files, as a file of its own in /etc/logrotate.d."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import Line

LogPath = Annotated[str, StringConstraints(pattern=r'^/[^\x00-\x1f"{}]*$', max_length=1024)]
"""An absolute path, in which `*`, `?` and `[ ]` stand for names."""
Size = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}[kMG]?$")]
_NAME = r"[A-Za-z_][A-Za-z0-9_.-]{0,31}"


class LogrotateSpec(ResourceSpec):
    """One file `/etc/logrotate.d/NAME`, which logrotate itself has read (`logrotate -d`) before it is put in place."""

    IDENTITY: ClassVar[str] = "rotation"
    OWNS: ClassVar[str | None] = "logrotate"

    rotation: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)
    """Name of the file."""
    state: Literal["present", "absent"] = "present"
    paths: list[LogPath] = Field(default=[], max_length=200)
    frequency: Literal["hourly", "daily", "weekly", "monthly", "yearly"] = "weekly"
    """How often at most; `hourly` needs a logrotate that is run every hour."""
    rotate: int = Field(default=4, ge=0, le=10_000)
    """How many old files are kept."""
    size: Size | None = None
    """Rotate when larger than this, whatever `frequency` says."""
    min_size: Size | None = None
    """Rotate when it is time and the file is larger than this."""
    max_size: Size | None = None
    """Rotate before it is time when the file is larger than this."""
    max_age_days: int | None = Field(default=None, ge=1, le=100_000)
    compress: bool = True
    delay_compress: bool = True
    """The newest old file stays as it is: a program may still write to it."""
    missing_ok: bool = True
    if_empty: bool = False
    copy_truncate: bool = False
    """For programs that cannot open their log anew; lines written meanwhile are lost."""
    date_ext: bool = False
    """Old files are named by their date, not by a number."""
    create: str | None = Field(default=None, pattern=rf"^0?[0-7]{{3}} {_NAME} {_NAME}$")
    """Mode, owner and group of the new file: `0640 www-data adm`."""
    su: str | None = Field(default=None, pattern=rf"^{_NAME} {_NAME}$")
    """User and group to rotate as, needed where others may write to the directory."""
    shared_scripts: bool = True
    """Scripts are run once for all paths, and not for each file."""
    prerotate: list[Line] = Field(default=[], max_length=100)
    """Lines of shell to run before."""
    postrotate: list[Line] = Field(default=[], max_length=100)
    """Lines of shell to run after."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.state == "present" and not self.paths:
            raise ValueError("a rotation that is to be present needs paths")
        if any(line.strip() in ("endscript", "prerotate", "postrotate") for line in self.prerotate + self.postrotate):
            raise ValueError("a line of a script is a word of logrotate's own")
        if self.copy_truncate and self.create is not None:
            raise ValueError("create makes a new file, and copy_truncate keeps the old: one of them")
        return self

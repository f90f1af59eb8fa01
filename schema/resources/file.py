"""A regular file: its content and who may do what with it."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath, FileMode


class FileSpec(ResourceSpec):
    """One file on the host. Without `content` or `source` only its presence and metadata are managed.

    Where content is managed, a symbolic link in its place is replaced; a directory or special file never is. The
    directory must exist; in a confined root it is made.
    """

    IDENTITY: ClassVar[str] = "path"
    OWNS: ClassVar[str | None] = "path"
    REVERTIBLE: ClassVar[bool] = True

    path: AbsolutePath
    state: Literal["present", "absent"] = "present"
    content: str | None = None
    """The whole text; may be a template."""
    source: str | None = None
    """A path under `templates/` or `files/`. A name that ends in `.j2` is rendered; any other is copied as it is."""
    mode: FileMode | None = None
    """Left as it is when not given; a file that is created then gets 0644."""
    owner: str | None = None
    """A name or a number. In a confined root one that it does not know, or that we may not set, is not managed."""
    group: str | None = None
    """The same for the group."""
    validate_: str | None = Field(default=None, alias="validate", pattern="%")
    """A command that must end 0 before the new content replaces the old; `%` is the path of the candidate.
    No shell reads it. In a confined root it is not run."""
    backup: bool = False
    """Keep what is replaced beside the file, as `PATH.vigo-backup`."""
    sensitive: bool = False
    """Never show the content in a diff."""

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        if self.content is not None and self.source is not None:
            raise ValueError("give content or source, not both")
        if self.state == "absent" and (self.content is not None or self.source is not None):
            raise ValueError("a file that is to be absent has no content")
        return self

"""What every resource spec is: frozen, closed to unknown keys, and able to say what on the host it owns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from schema.shapes import AbsolutePath


class ResourceSpec(BaseModel):
    """Attributes of one resource type, after rendering. The default of a field is its safe value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    IDENTITY: ClassVar[str]
    """The field that names the thing; the resource's default `name`."""
    OWNS: ClassVar[str | None] = None
    """Kind of thing owned whole (`path`, `package` ...). Two resources of one host may not own one thing.
    None: several may work on the same thing."""
    REVERTIBLE: ClassVar[bool] = False
    """Whether `on_removal: revert` can be kept: what was there before can be remembered and put back."""

    @classmethod
    def notify_only(cls, attributes: Mapping[str, Any]) -> bool:  # noqa: ARG003 - types that need it override it
        """Whether a resource with these attributes, as written, may run only when notified."""
        return False


class PartSpec(ResourceSpec):
    """A part of a file that others own: the rest of it, its mode, owner and extended attributes stay as they are."""

    IDENTITY: ClassVar[str] = "path"

    path: AbsolutePath
    """A regular file; a symbolic link in its place is not followed."""
    create: bool = False
    """Make the file, with mode 0644, where there is none; else that is a failure."""
    validate_: str | None = Field(default=None, alias="validate", pattern="%")
    """A command that must end 0 before the new text replaces the old; `%` is the path of the candidate.
    No shell reads it. In a confined root it is not run."""
    backup: bool = False
    """Keep what is replaced beside the file, as `PATH.vigo-backup`."""
    sensitive: bool = False
    """Never show what is in the part."""

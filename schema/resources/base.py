"""What every resource spec is: frozen, closed to unknown keys, and able to say what on the host it owns."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import isfinite
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schema.shapes import AbsolutePath

MAX_KEY_DEPTH: Final = 64
_MAX_VALUES: Final = 10_000


class ResourceSpec(BaseModel):
    """Attributes of one resource type, after rendering. The default of a field is its safe value."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

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


class KeysSpec(PartSpec):
    """Some keys of a document that others own. A key path is `server.port`, or where a key has a dot in it,
    `/server/a.b` with `~1` for a slash (RFC 6901); a number leads into a list, to an item that is there."""

    merge: dict[str, Any] = {}
    """Laid over what is there: maps within maps, anything else replaced whole, lists too."""
    set: dict[str, Any] = {}
    """Key path → value, which replaces what is there whole; missing maps on the way are made."""
    remove: list[str] = Field(default=[], max_length=1000)
    """Key paths of what is to be gone; of a list no item is removed."""

    NULLS: ClassVar[bool] = True

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.merge or self.set or self.remove):
            raise ValueError("give merge, set or remove")
        paths = [key_path(text) for text in (*self.set, *self.remove)]
        for one, other in pairwise(sorted(paths)):
            if other[: len(one)] == one:
                raise ValueError(f"{'.'.join(one)} is set or removed twice, or with what is below it")
        left = _MAX_VALUES
        todo: list[tuple[Any, int]] = [(self.merge, 0), *((value, 0) for value in self.set.values())]
        while todo:
            value, depth = todo.pop()
            left -= 1
            if depth > MAX_KEY_DEPTH or left < 0:
                raise ValueError(f"more than {_MAX_VALUES} values, or {MAX_KEY_DEPTH} within each other")
            if isinstance(value, dict):
                todo += [(each, depth + 1) for each in value.values()]
                if not all(isinstance(key, str) for key in value):
                    raise ValueError("a key is text")
            elif isinstance(value, list):
                todo += [(each, depth + 1) for each in value]
            elif value is None and not self.NULLS:
                raise ValueError("this format has no null")
            elif isinstance(value, float) and not isfinite(value):
                raise ValueError("a number is finite")
            elif not (value is None or isinstance(value, str | int | float)):
                raise ValueError(
                    f"a value is text, a number, true, false, a list or a map, not a {type(value).__name__}"
                )
        return self


def key_path(text: str) -> tuple[str, ...]:
    """The keys of a key path.

    Raises:
        ValueError: it is empty, has an empty key, or too many.
    """
    if text.startswith("/"):
        keys = tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))
    else:
        keys = tuple(text.split("."))
    if not all(keys) or len(keys) > MAX_KEY_DEPTH:
        raise ValueError(f"{text!r} is not a key path: a.b, or /a/b, of at most {MAX_KEY_DEPTH} keys")
    return keys

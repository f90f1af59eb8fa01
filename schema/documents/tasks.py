"""Tasks: commands that may be run on hosts, with typed parameters."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from schema.access import Permission
from schema.documents.base import Document
from schema.shapes import Name

Share = Annotated[int, Field(ge=1)] | Annotated[str, Field(pattern=r"^(100|[1-9]?[0-9])%$")]
"""A number of hosts, or a share of them: `25%`."""

_SHAPES: dict[str, type | tuple[type, ...]] = {"string": str, "integer": int, "number": (int, float), "boolean": bool}


class Parameter(Document):
    """One parameter that a task or workflow takes."""

    type: Literal["string", "integer", "number", "boolean"] = "string"
    description: str = ""
    required: bool = False
    default: Any = None
    choices: list[Any] | None = Field(default=None, min_length=1)

    def fits(self, value: Any) -> bool:
        """Whether a value is of its type."""
        return isinstance(value, _SHAPES[self.type]) and (self.type == "boolean" or not isinstance(value, bool))

    @model_validator(mode="after")
    def _of_its_type(self) -> Self:
        given = [*(self.choices or ()), *([] if self.default is None else [self.default])]
        for value in given:
            if not self.fits(value):
                raise ValueError(f"{value!r} is not of the type {self.type}")
        if self.default is not None and self.choices is not None and self.default not in self.choices:
            raise ValueError(f"the default {self.default!r} is not one of the choices")
        if self.required and self.default is not None:
            raise ValueError("a required parameter has no use for a default")
        return self


class Task(Document):
    """One task."""

    name: Name
    description: str = ""
    params: dict[str, Parameter] = {}
    command: str = Field(min_length=1)
    """Run on each target; may use `params`."""
    target: str | None = None
    """Glob, exact name or `trait.path=value`; a comma joins, a leading `-` excludes."""
    timeout: int = Field(default=60, ge=1, le=86_400)
    """Seconds, per host."""
    batch_size: Share | None = None
    max_failures: Share | Literal[0] | None = None
    health_check: str | None = None
    """A URL to be answered 2xx, or a command on the host."""
    permission: Annotated[Permission, Field(strict=False)] = Permission.PUSH_EXECUTE

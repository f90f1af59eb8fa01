"""A kind of thing that no other type covers, by an executor in any language."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, JsonValue, field_validator

from schema.resources.base import ResourceSpec
from schema.shapes import AbsolutePath

MAX_SPEC_CHARS = 262_144


class CustomSpec(ResourceSpec):
    """One thing, looked at and made so by a program of yours.

    It is asked with JSON on its standard input and answers with JSON on its standard output: see
    [how to write an executor](../howto/write-an-executor.md).
    """

    IDENTITY: ClassVar[str] = "custom"

    custom: str = Field(pattern=r"^[^\x00-\x1f]+$", max_length=200)
    """A name for the thing."""
    executor: AbsolutePath
    """The program, on the host: root's, in a directory of root's, and written to by nobody else. A `file` resource can
    bring it."""
    spec: dict[str, JsonValue] = {}
    """What the thing should be; whatever the executor understands."""
    timeout_s: int = Field(default=300, ge=1, le=86_400)
    """For each of the two acts."""

    @field_validator("spec")
    @classmethod
    def _bounded(cls, value: dict[str, Any]) -> dict[str, Any]:
        import json

        if len(json.dumps(value)) > MAX_SPEC_CHARS:
            raise ValueError(f"spec is larger than {MAX_SPEC_CHARS} characters of JSON")
        return value

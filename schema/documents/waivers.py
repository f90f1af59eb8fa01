"""`waivers.vgo`: recorded exceptions to the controls of a framework."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from schema.documents.base import Document
from schema.shapes import OneOrMany
from schema.time import EPOCH, SECOND, from_rfc3339


def _instant(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if len(value) == len("2026-01-01"):
        day = date.fromisoformat(value)
        return int((datetime(day.year, day.month, day.day, tzinfo=UTC) - EPOCH).total_seconds()) * SECOND
    return from_rfc3339(value)


Day = Annotated[int, BeforeValidator(_instant, json_schema_input_type=str)]
"""`2026-12-31`, that day's first instant in UTC, or an RFC 3339 time; microseconds in Python."""


class Waiver(Document):
    """One exception: turns not-satisfied into waived while it holds, and never into satisfied."""

    framework: str = Field(min_length=1)
    control: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    approved_by: str = Field(min_length=1)
    expires: Day
    starts: Day | None = None
    risk: Literal["low", "medium", "high"] | None = None
    match: str | None = Field(default=None, min_length=1, max_length=1000)
    """Hosts it holds for, as in a match block; all below its directory when not given."""
    evidence: OneOrMany[str] = []

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.starts is not None and self.starts >= self.expires:
            raise ValueError("a waiver must start before it expires")
        return self


class Waivers(Document):
    """The waivers of one directory and all below it."""

    waivers: list[Waiver]

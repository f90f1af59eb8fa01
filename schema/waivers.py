"""Waivers asked of the server: added to `waivers.vgo` by a commit."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schema.shapes import OneOrMany
from schema.time import from_rfc3339

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")


def _day(text: str) -> str:
    if _DAY.fullmatch(text):
        date.fromisoformat(text)
    else:
        from_rfc3339(text)
    return text


Day = Annotated[str, Field(max_length=40), AfterValidator(_day)]
"""`2026-12-31`, that day's first instant in UTC, or an RFC 3339 time."""
Line = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]


class WaiverCreate(BaseModel):
    """An exception to a control, to be recorded in the config repository."""

    model_config = ConfigDict(extra="forbid")

    framework: Line
    """That the control is of: `cis-debian12`."""
    control: Line
    """Its number or name in the framework."""
    reason: Annotated[str, Field(min_length=1, max_length=4_000)]
    """Why the exception is made."""
    approved_by: Line
    """Who decided it."""
    expires: Day
    """Until when it holds: a day (its first instant in UTC), or an RFC 3339 time."""
    starts: Day | None = None
    """From when on it holds; at once when not given."""
    risk: Literal["low", "medium", "high"] | None = None
    """What it means, in the eyes of whoever approved."""
    match: Line | None = None
    """Hosts it holds for; all below its directory when not given."""
    evidence: OneOrMany[Line] = Field(default=[], max_length=50)
    """Where to read more: tickets, documents."""
    dir: Annotated[str, Field(max_length=1_024)] = ""
    """The directory whose `waivers.vgo` it is added to; the root when empty."""
    propose: bool = False
    """On a branch of its own, for review."""

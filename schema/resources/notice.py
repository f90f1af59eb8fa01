"""A line in the report, for whoever reads it; nothing is changed."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schema.resources.base import ResourceSpec


class NoticeSpec(ResourceSpec):
    """Say something in the report of each run in which `when` holds.

    It never counts as a change and notifies nobody.
    """

    IDENTITY: ClassVar[str] = "message"

    message: str = Field(min_length=1, max_length=2000)
    """May hold expressions: `kernel {{ traits.kernel.release }} is too old`."""

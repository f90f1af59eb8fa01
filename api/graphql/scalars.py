"""Scalars beyond GraphQL's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from schema.time import from_rfc3339, to_rfc3339

if TYPE_CHECKING:
    Time = int
    Long = int
    Json = Any
else:
    Time = NewType("Time", int)
    Long = NewType("Long", int)
    Json = NewType("Json", object)

SCALARS: Final[Mapping[object, ScalarDefinition]] = {
    Time: strawberry.scalar(
        name="Time",
        description="A moment in UTC, as RFC 3339: `2026-03-13T14:30:00Z`.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=to_rfc3339,
        parse_value=from_rfc3339,
    ),
    Long: strawberry.scalar(name="Long", description="A whole number, up to 2^53.", serialize=int),
    Json: strawberry.scalar(name="JSON", description="Any JSON value.", serialize=lambda value: value),
}

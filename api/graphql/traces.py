"""Traces: where each value of a host comes from."""

from __future__ import annotations

from typing import Annotated

import strawberry

from api.graphql.context import Info, guarded
from api.graphql.scalars import Json
from api.services import traces
from schema.access import Permission
from schema.config import ConfigTrace


@strawberry.type(name="Place", description="Where something is written.")
class PlaceType:
    file: str
    line: int
    column: int
    commit: str | None


@strawberry.type(name="RoleExpansion", description="What one role brought.")
class RoleExpansionType:
    role: str
    includes: list[str]
    configcrates: list[str]


@strawberry.type(name="InheritanceLevel", description="What one common.vgo between the root and the leaf brought.")
class InheritanceLevelType:
    dir: str
    file: str
    configcrates: list[str]
    vars: Json
    overrides: list[str] | None


@strawberry.type(name="VarSource", description="A var's final value, and where it was written.")
class VarSourceType:
    key: str
    value: Json | None
    source: str
    place: PlaceType | None


@strawberry.type(name="ConfigTrace", description="How the config of one host came to be. Unmatched: nothing but that.")
class ConfigTraceType:
    hostname: str
    matched: bool
    match_pattern: str | None
    pattern_type: str | None
    environment: str | None
    roles: list[str] | None
    role_expansion: list[RoleExpansionType] | None
    inheritance: list[InheritanceLevelType] | None
    configcrates: list[str] | None
    configcrate_sources: Json | None
    var_sources: list[VarSourceType] | None
    resource_count: int | None


@strawberry.type
class TraceQueries:
    """Root fields of traces."""

    @guarded(Permission.FLEET_READ, graphql_type=ConfigTraceType)
    def trace(
        self,
        info: Info,
        hostname: Annotated[str, strawberry.argument(description="It need not be enrolled.")],
        configcrate: Annotated[str | None, strawberry.argument(description="Only what concerns this crate.")] = None,
    ) -> ConfigTrace:
        """Where the config of one host comes from, value by value."""
        return traces.forward(info.context.graph, hostname, configcrate=configcrate)

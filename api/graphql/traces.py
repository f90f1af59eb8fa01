"""Traces: where each value of a host comes from, where a crate is applied, and how the config is built."""

from __future__ import annotations

from typing import Annotated

import strawberry

from api.graphql.ahead import Asking
from api.graphql.context import Info, ahead, guarded
from api.graphql.scalars import Json
from api.graphql.shown import shown
from api.services import traces
from schema.access import Permission
from schema.config import (
    ConfigEntries,
    ConfigEntry,
    ConfigTrace,
    DuplicateConfigs,
    DuplicateGroup,
    EntryLevel,
    InheritanceLevel,
    Place,
    RoleExpansion,
    TreeNode,
    VarSource,
)
from schema.traces import InverseTrace, TracedEnvoy, TreeRef


@shown(Place)
class PlaceType:
    file: str
    line: int
    column: int
    commit: str | None


@shown(RoleExpansion)
class RoleExpansionType:
    role: str
    includes: list[str]
    configcrates: list[str]


@shown(InheritanceLevel)
class InheritanceLevelType:
    dir: str
    file: str
    configcrates: list[str]
    vars: Json
    overrides: list[str] | None


@shown(VarSource)
class VarSourceType:
    key: str
    value: Json | None
    source: str
    place: PlaceType | None


@shown(ConfigTrace)
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
    usercrate_sources: Json | None


@shown(TracedEnvoy)
class TracedEnvoyType:
    envoy_id: strawberry.ID
    hostname: str
    match: str
    environment: str
    carrier: str


@shown(TreeRef)
class TreeRefType:
    match: str
    environment: str
    carrier: str


@shown(InverseTrace)
class InverseTraceType:
    subject: str
    value: str
    envoys: list[TracedEnvoyType]
    tree_refs: list[TreeRefType] | None


@shown(TreeNode, name="ConfigNode")
class ConfigNodeType:
    dir: str
    file: str
    configcrates: list[str]
    roles: list[str]
    match: str
    total: list[str]
    excluded: list[str]
    children: list[ConfigNodeType]
    left_out: int | None


@shown(EntryLevel)
class EntryLevelType:
    dir: str
    file: str
    configcrates: list[str]


@shown(ConfigEntry)
class ConfigEntryType:
    match: str
    dir: str
    inheritance: list[EntryLevelType]
    own_configcrates: list[str]
    total: list[str]
    vars: Json


@shown(ConfigEntries)
class ConfigEntriesType:
    entries: list[ConfigEntryType]
    left_out: int | None


@shown(DuplicateGroup)
class DuplicateGroupType:
    kind: str
    same: str
    count: int
    paths: list[str]


@shown(DuplicateConfigs)
class DuplicateConfigsType:
    groups: list[DuplicateGroupType]
    left_out: int | None


AsOf = Annotated[
    str | None,
    strawberry.argument(description="A commit, branch, tag, sequence or RFC 3339 time; by default what is in force."),
]


@strawberry.type
class TraceQueries:
    """Root fields of traces."""

    @guarded(Permission.FLEET_READ, graphql_type=ConfigTraceType)
    def trace(
        self,
        info: Info,
        hostname: Annotated[str, strawberry.argument(description="It need not be enrolled.")],
        configcrate: Annotated[str | None, strawberry.argument(description="Only what concerns this crate.")] = None,
        as_of: AsOf = None,
    ) -> ConfigTrace:
        """Where the config of one host comes from, value by value."""
        return traces.forward(info.context.graph_at(as_of), hostname, configcrate=configcrate)

    @guarded(Permission.FLEET_READ, graphql_type=InverseTraceType)
    def inverse_trace(
        self,
        info: Info,
        *,
        configcrate: Annotated[str | None, strawberry.argument(description="The crate; or name a usercrate.")] = None,
        usercrate: Annotated[str | None, strawberry.argument(description="The usercrate; or name a crate.")] = None,
        include_tree: Annotated[
            bool, strawberry.argument(description="Also the match blocks that no enrolled host is under.")
        ] = False,
        as_of: AsOf = None,
    ) -> InverseTrace:
        """Where a crate is applied: the enrolled hosts that have it, each with what brings it."""
        context = info.context
        found = traces.config(
            context.work,
            context.graph_at(as_of),
            hostname=None,
            configcrate=configcrate,
            usercrate=usercrate,
            include_tree=include_tree,
            places=False,
        )
        assert isinstance(found, InverseTrace)  # without a hostname it is no other
        return found

    @ahead(Permission.FLEET_READ, long=True, graphql_type=ConfigNodeType)
    async def config_tree(
        self: Asking,
        under: Annotated[str | None, strawberry.argument(description="Start at this directory.")] = None,
        as_of: AsOf = None,
    ) -> TreeNode:
        """What each directory hands on, and the match blocks in it."""
        graph = self.graph_at(as_of)
        return await self.desks.questions.run(lambda: traces.tree(graph, under=under))

    @ahead(Permission.FLEET_READ, graphql_type=ConfigEntriesType)
    async def config_search(
        self: Asking,
        match: Annotated[str | None, strawberry.argument(description="A glob over match patterns.")] = None,
        configcrate: Annotated[str | None, strawberry.argument(description="That applies there.")] = None,
        var: Annotated[str | None, strawberry.argument(description="That the block itself defines.")] = None,
        as_of: AsOf = None,
    ) -> ConfigEntries:
        """Match blocks by pattern, crate or var; of several, all must fit."""
        graph = self.graph_at(as_of)
        return await self.desks.questions.run(
            lambda: traces.search(graph, match=match, configcrate=configcrate, var=var)
        )

    @ahead(Permission.FLEET_READ, graphql_type=DuplicateConfigsType)
    async def config_dedup(self: Asking, as_of: AsOf = None) -> DuplicateConfigs:
        """Files that say the same as others of their kind."""
        graph = self.graph_at(as_of)
        return await self.desks.questions.run(lambda: traces.dedup(graph))

"""Traces: where each value of a host comes from, where a crate is applied, and how the config is built."""

from __future__ import annotations

from typing import Annotated

import strawberry

from api.graphql.ahead import Asking
from api.graphql.context import Info, ahead, guarded
from api.graphql.scalars import Json
from api.services import traces
from schema.access import Permission
from schema.config import ConfigEntries, ConfigTrace, DuplicateConfigs, TreeNode
from schema.traces import InverseTrace


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
    usercrate_sources: Json | None


@strawberry.type(name="TracedEnvoy", description="An enrolled host that has the subject, and where it got it from.")
class TracedEnvoyType:
    envoy_id: strawberry.ID
    hostname: str
    match: str
    environment: str
    carrier: str


@strawberry.type(name="TreeRef", description="A match block with the subject that no enrolled host is under.")
class TreeRefType:
    match: str
    environment: str
    carrier: str


@strawberry.type(name="InverseTrace", description="Where a crate is applied.")
class InverseTraceType:
    subject: str
    value: str
    envoys: list[TracedEnvoyType]
    tree_refs: list[TreeRefType] | None


@strawberry.type(name="ConfigNode", description="A directory of the config, or a match block in it.")
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


@strawberry.type(name="EntryLevel", description="A common.vgo between the root and a match block.")
class EntryLevelType:
    dir: str
    file: str
    configcrates: list[str]


@strawberry.type(name="ConfigEntry", description="A match block that a search found.")
class ConfigEntryType:
    match: str
    dir: str
    inheritance: list[EntryLevelType]
    own_configcrates: list[str]
    total: list[str]
    vars: Json


@strawberry.type(name="ConfigEntries", description="What a search found, in path order.")
class ConfigEntriesType:
    entries: list[ConfigEntryType]
    left_out: int | None


@strawberry.type(name="DuplicateGroup", description="Files of one kind that say the same.")
class DuplicateGroupType:
    kind: str
    same: str
    count: int
    paths: list[str]


@strawberry.type(name="DuplicateConfigs", description="Files that could be one.")
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
        configcrate: str | None = None,
        usercrate: str | None = None,
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
        configcrate: str | None = None,
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

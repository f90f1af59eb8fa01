"""Explanations: why a host has something, why two hosts differ, which lines matter to nobody."""

from __future__ import annotations

from typing import Annotated

import strawberry

from api.graphql.context import Info, guarded
from api.graphql.scalars import Json
from api.services import explanations
from schema.access import Permission
from schema.explanations import Causes, Coverage, Explanation

AsOf = Annotated[
    str | None,
    strawberry.argument(description="A commit, branch, tag, sequence or RFC 3339 time; by default what is in force."),
]


@strawberry.type(name="Line", description="A line of the config, counted from 1.")
class LineType:
    file: str
    line: int
    column: int
    source: str


@strawberry.type(name="Link", description="One link of a chain: a line, and what it does.")
class LinkType:
    kind: str
    text: str
    at: LineType | None


@strawberry.type(name="VarLayer", description="What one layer says about a var.")
class VarLayerType:
    source: str
    value: Json | None
    effect: str
    wins: bool
    keys: list[str] | None
    at: LineType


@strawberry.type(name="Explanation", description="Why a host has something, or the first clause that keeps it out.")
class ExplanationType:
    hostname: str
    subject: str
    kind: str
    name: str
    presence: str
    summary: str
    chain: list[LinkType]
    reason: str | None
    kept_out: LinkType | None
    instead: list[LinkType] | None
    layers: list[VarLayerType] | None
    value: Json | None
    depends_on: list[str] | None
    also: list[str] | None
    hint: str | None
    commit: str | None
    left_out: int | None


@strawberry.type(name="Difference", description="One thing in which two hosts differ.")
class DifferenceType:
    kind: str
    name: str
    one: Json | None
    other: Json | None
    keys: list[str] | None


@strawberry.type(name="Cause", description="What makes two hosts differ, with all that it explains.")
class CauseType:
    kind: str
    text: str
    of: str
    at: LineType | None
    other_at: LineType | None
    one: Json | None
    other: Json | None
    explains: list[DifferenceType]
    left_out: int | None


@strawberry.type(name="Side", description="One of two hosts that are held against each other.")
class SideType:
    hostname: str
    match_pattern: str | None
    at: LineType | None
    commit: str | None
    traits: bool


@strawberry.type(name="Causes", description="The smallest set of causes that explains why two hosts differ.")
class CausesType:
    one: SideType
    other: SideType
    alike: bool
    differences: int
    causes: list[CauseType]
    smallest: bool
    undecided: list[str] | None
    left_out: int | None


@strawberry.type(name="Covered", description="A line or a file that matters to no host, or to one.")
class CoveredType:
    finding: str
    about: str
    name: str
    source: str
    at: LineType
    host: str | None
    by: str | None


@strawberry.type(name="Coverage", description="Which lines of the config matter to no host, or to one alone.")
class CoverageType:
    basis: str
    hosts: int
    unmatched: int
    statements: int
    counts: Json
    found: list[CoveredType]
    left_out: int | None
    commit: str | None


@strawberry.type
class ExplanationQueries:
    """Root fields of explanations. Commits behind lines are REST's alone: history is not read within a query."""

    @guarded(Permission.FLEET_READ, graphql_type=ExplanationType)
    def why(
        self,
        info: Info,
        hostname: Annotated[str, strawberry.argument(description="It need not be enrolled.")],
        subject: Annotated[
            str, strawberry.argument(description="A resource, dotted var, crate, role, environment or usercrate.")
        ],
        as_of: AsOf = None,
    ) -> Explanation:
        """Why a host has something, or the first clause that keeps it out."""
        graph = info.context.graph_at(as_of)
        return explanations.why(graph, explanations.about(info.context.work, graph, hostname), subject)

    @guarded(Permission.FLEET_READ, graphql_type=CausesType)
    def causes(
        self,
        info: Info,
        hostname: str,
        other: str,
        as_of: AsOf = None,
        other_as_of: Annotated[
            str | None, strawberry.argument(description="The other host's revision; by default that of the first.")
        ] = None,
    ) -> Causes:
        """Why two hosts differ: the smallest set of config lines and traits that explains it."""
        one = info.context.graph_at(as_of)
        second = one if other_as_of is None else info.context.graph_at(other_as_of)
        host, other_host = (
            explanations.about(info.context.work, graph, name) for graph, name in ((one, hostname), (second, other))
        )
        return explanations.causes(one, host, second, other_host)

    @guarded(Permission.FLEET_READ, graphql_type=CoverageType)
    def coverage(self, info: Info, as_of: AsOf = None) -> Coverage:
        """Lines of the config that matter to no enrolled host or to one alone, and what nothing uses."""
        services = info.context.begin_long("coverage")
        graph, hostnames = info.context.graph_at(as_of), explanations.enrolled(info.context.work)
        return services.desks.surveys.run_here(lambda: explanations.coverage(graph, hostnames))

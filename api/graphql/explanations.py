"""Explanations: why a host has something, why two hosts differ, which lines matter to nobody."""

from __future__ import annotations

from typing import Annotated

import strawberry

from api.graphql.ahead import Asking
from api.graphql.context import ahead
from api.graphql.scalars import Json, Time
from api.graphql.shown import shown
from api.services import explanations
from schema.access import Permission
from schema.explanations import (
    Blamed,
    Cause,
    Causes,
    Coverage,
    Covered,
    Difference,
    Explanation,
    Line,
    Link,
    Side,
    VarLayer,
)

AsOf = Annotated[
    str | None,
    strawberry.argument(description="A commit, branch, tag, sequence or RFC 3339 time; by default what is in force."),
]


@shown(Blamed)
class BlamedType:
    commit: str
    author: str
    time: Time
    summary: str


@shown(Line)
class LineType:
    file: str
    line: int
    column: int
    source: str
    blame: BlamedType | None = strawberry.field(
        description="Of `why` and `causes`; null where history does not tell, or not in time. Asked for when selected."
    )


@shown(Link)
class LinkType:
    kind: str
    text: str
    at: LineType | None


@shown(VarLayer)
class VarLayerType:
    source: str
    value: Json | None
    effect: str
    wins: bool
    keys: list[str] | None
    at: LineType


@shown(Explanation)
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


@shown(Difference)
class DifferenceType:
    kind: str
    name: str
    one: Json | None
    other: Json | None
    keys: list[str] | None


@shown(Cause)
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


@shown(Side)
class SideType:
    hostname: str
    match_pattern: str | None
    at: LineType | None
    commit: str | None
    traits: bool


@shown(Causes)
class CausesType:
    one: SideType
    other: SideType
    alike: bool
    differences: int
    causes: list[CauseType]
    smallest: bool
    undecided: list[str] | None
    left_out: int | None


@shown(Covered)
class CoveredType:
    finding: str
    about: str
    name: str
    source: str
    at: LineType
    host: str | None
    by: str | None


@shown(Coverage)
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
    """Root fields of explanations."""

    @ahead(Permission.FLEET_READ, graphql_type=ExplanationType)
    async def why(
        self: Asking,
        hostname: Annotated[str, strawberry.argument(description="It need not be enrolled.")],
        subject: Annotated[
            str, strawberry.argument(description="A resource, dotted var, crate, role, environment or usercrate.")
        ],
        as_of: AsOf = None,
    ) -> Explanation:
        """Why a host has something, or the first clause that keeps it out."""
        graph = self.graph_at(as_of)
        host = await self.read(lambda work: explanations.about(work, graph, hostname))
        answer = await self.desks.questions.run(lambda: explanations.why(graph, host, subject))
        self.date(answer)
        return answer

    @ahead(Permission.FLEET_READ, graphql_type=CausesType)
    async def causes(
        self: Asking,
        hostname: Annotated[str, strawberry.argument(description="One host. It need not be enrolled.")],
        other: Annotated[str, strawberry.argument(description="The other host, or the same as of another revision.")],
        as_of: AsOf = None,
        other_as_of: Annotated[
            str | None, strawberry.argument(description="The other host's revision; by default that of the first.")
        ] = None,
    ) -> Causes:
        """Why two hosts differ: the smallest set of config lines and traits that explains it."""
        one = self.graph_at(as_of)
        second = one if other_as_of is None else self.graph_at(other_as_of)
        host = await self.read(lambda work: explanations.about(work, one, hostname))
        other_host = await self.read(lambda work: explanations.about(work, second, other))
        answer = await self.desks.questions.run(lambda: explanations.causes(one, host, second, other_host))
        self.date(answer)
        return answer

    @ahead(Permission.FLEET_READ, long=True, graphql_type=CoverageType)
    async def coverage(self: Asking, as_of: AsOf = None) -> Coverage:
        """Lines of the config that matter to no enrolled host or to one alone, and what nothing uses."""
        graph = self.graph_at(as_of)
        hostnames = await self.read(explanations.enrolled)
        return await self.desks.surveys.run(lambda: explanations.coverage(graph, hostnames))

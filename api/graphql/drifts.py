"""Drifts: what was found on hosts otherwise than it should be, and how the fleet was day by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import strawberry

from api.graphql.context import Info, computed, guarded
from api.graphql.paging import After, First, cursor, page_size, position
from api.graphql.runs import ObservedAttributeType
from api.graphql.scalars import Json, Long, Time
from api.graphql.shown import shown
from api.services import drifts, verdicts
from schema.access import Permission
from schema.drifts import ConvergenceHistory, DriftDay, DriftedHost, DriftedResource, DriftHistory, How, WordChange

strawberry.enum(How, name="DriftHow")

Key = Annotated[str, strawberry.argument(description="An envoy's hostname, or its id.")]
Days = Annotated[int, strawberry.argument(description="How far to look back.")]


@shown(DriftedResource)
class DriftedResourceType:
    id: str
    resource: str
    type: str
    how: How
    since: Time
    last_at: Time
    times: int
    run_id: str
    commit: str
    file: str
    line: int
    error: str
    observed: list[ObservedAttributeType]
    differs: list[str]
    ended_at: Time | None
    ended: str


@shown(DriftedHost)
class DriftedHostType:
    envoy_id: str
    hostname: str
    since: Time
    last_at: Time
    resources: list[DriftedResourceType]


@strawberry.type(name="DriftPage", description="Hosts that drifted, by hostname.")
class DriftPageType:
    nodes: list[DriftedHostType] = strawberry.field(description="Of this page.")
    end_cursor: str | None = strawberry.field(description="Give it as `after` for the hosts behind; null at the end.")


class DriftPage(NamedTuple):
    """A page, and where the next begins."""

    nodes: Sequence[DriftedHost]
    end_cursor: str | None


@shown(DriftDay)
class DriftDayType:
    day: str
    taken_at: Time
    final: bool
    changed: int

    @computed
    def counts(self: DriftDay) -> Json:
        """Hosts of each word, and `total`."""
        return _plain(self.counts)

    @computed
    def found(self: DriftDay) -> Json:
        """Drifts that were found first on this day, by how they were left."""
        return _plain(self.found)


@shown(WordChange)
class WordChangeType:
    number: Long
    at: Time
    kind: str
    before: str
    after: str


@shown(ConvergenceHistory)
class ConvergenceHistoryType:
    envoy_id: str
    hostname: str
    convergence: str
    drift: str
    reachability: str
    since: Time | None
    transitions: list[WordChangeType]


@strawberry.type
class DriftQueries:
    """Root fields of drifts."""

    @guarded(Permission.FLEET_READ, graphql_type=DriftPageType)
    def drifts(
        self,
        info: Info,
        first: First = 50,
        after: After = None,
        hostname: Annotated[str | None, strawberry.argument(description="Only this envoy; its id will do.")] = None,
        how: Annotated[How | None, strawberry.argument(description="Only what was left so.")] = None,
        days: Days = 7,
    ) -> DriftPage:
        """Hosts on which something was otherwise than desired."""
        mark = position(after)
        found = drifts.current(info.context.work, days=days, key=hostname, how=how, after=mark, limit=page_size(first))
        return DriftPage(found.hosts, cursor(found.next_after) if found.next_after is not None else None)

    @guarded(Permission.FLEET_READ, graphql_type=list[DriftDayType])
    def drift_history(self, info: Info, days: Days = 30) -> Sequence[DriftDay]:
        """How many hosts had which word on each day, the newest first."""
        found: DriftHistory = drifts.history(info.context.work, days=days)
        return found.days

    @guarded(Permission.FLEET_READ, graphql_type=ConvergenceHistoryType)
    def convergence_history(self, info: Info, hostname: Key, first: First = 50) -> ConvergenceHistory:
        """How the words of one envoy (hostname or id) became what they are, the newest first."""
        context = info.context
        return verdicts.history(
            context.work, hostname, online=context.online, graph=context.graph, limit=page_size(first)
        )


def _plain(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(counts)

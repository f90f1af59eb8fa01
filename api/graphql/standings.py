"""Standings: how far each revision has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import strawberry

from api.graphql.ahead import Asking
from api.graphql.context import Info, ahead, computed, guarded
from api.graphql.paging import After, First, cursor, page_size, position
from api.graphql.scalars import Time
from api.graphql.shown import shown
from api.services import standings
from schema.access import Permission
from schema.revisions import RevisionState
from schema.standings import Eta, Standing, StandingClass, StandingHistory, StandingHost, StandingPart, StandingPoint

strawberry.enum(StandingClass)

Version = Annotated[
    str,
    strawberry.argument(description="`current`, a sequence, a commit or how it begins, or an RFC 3339 time."),
]


@strawberry.type(name="StandingCount", description="How many hosts there are of a class.")
class StandingCountType:
    name: StandingClass = strawberry.field(description="The class.")
    count: int = strawberry.field(description="Hosts of it.")


@shown(StandingHost)
class StandingHostType:
    id: str
    hostname: str
    wave: int | None
    until: Time | None
    since: Time | None
    cause: str | None
    resource: str | None
    run: str | None


@shown(StandingPart)
class StandingPartType:
    name: StandingClass
    wave: int | None
    wave_name: str | None
    count: int
    cause: str | None
    hosts: list[StandingHostType]


@shown(Eta)
class EtaType:
    at: Time | None
    why: str


@shown(Standing)
class StandingType:
    version: int
    commit: str
    state: RevisionState
    in_force_at: Time | None
    total: int
    complete: bool
    parts: list[StandingPartType]
    eta: EtaType
    at: Time

    @computed
    def counts(self: Standing) -> list[StandingCountType]:
        """Every class, also with none."""
        return _counts(self.counts)


class StandingHostPage(NamedTuple):
    """A page, and where the next begins."""

    nodes: Sequence[StandingHost]
    end_cursor: str | None


@strawberry.type(name="StandingHostPage", description="Hosts of one class, by name.")
class StandingHostPageType:
    nodes: list[StandingHostType] = strawberry.field(description="Of this page.")
    end_cursor: str | None = strawberry.field(description="Give it as `after` for those behind; null at the end.")


@shown(StandingPoint)
class StandingPointType:
    at: Time

    @computed
    def counts(self: StandingPoint) -> list[StandingCountType]:
        """Classes with none are left out."""
        return _counts(self.counts)


@shown(StandingHistory)
class StandingHistoryType:
    version: int
    commit: str
    points: list[StandingPointType]


@strawberry.type
class StandingQueries:
    """Root fields of standings."""

    @ahead(Permission.FLEET_READ, graphql_type=StandingType)
    async def standing(self: Asking, *, version: Version = "current") -> Standing:
        """How far a revision has come, with the first hosts of each class."""
        call = self.call
        return await standings.get(call.app, call.actor, version, request_id=call.request_id)

    @ahead(Permission.FLEET_READ, graphql_type=StandingHostPageType)
    async def standing_hosts(
        self: Asking,
        *,
        name: Annotated[StandingClass, strawberry.argument(description="The class.")],
        version: Version = "current",
        wave: Annotated[int | None, strawberry.argument(description="Only of this wave, counted from 1.")] = None,
        first: First = 50,
        after: After = None,
    ) -> StandingHostPage:
        """Hosts of one class of a revision, by name."""
        call = self.call
        found = await standings.page(
            call.app,
            call.actor,
            version,
            name,
            wave=wave,
            after=position(after) or "",
            limit=page_size(first),
            request_id=call.request_id,
        )
        return StandingHostPage(found.hosts, None if found.next_after is None else cursor(found.next_after))

    @guarded(Permission.FLEET_READ, graphql_type=StandingHistoryType)
    def standing_history(self, info: Info, version: Version = "current") -> StandingHistory:
        """A revision's counts at each change."""
        return standings.history(info.context.work, version)


def _counts(counts: Mapping[StandingClass, int]) -> list[StandingCountType]:
    return [StandingCountType(name=name, count=count) for name, count in counts.items()]

"""Standings: how far each revision has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import strawberry

from api.graphql.ahead import Asking
from api.graphql.context import Info, ahead, computed, guarded
from api.graphql.paging import After, First, cursor, page_size, position
from api.graphql.scalars import Time
from api.services import standings
from schema.access import Permission
from schema.revisions import RevisionState
from schema.standings import Standing, StandingClass, StandingHistory, StandingHost, StandingPoint

strawberry.enum(StandingClass, name="StandingClass", description="What a revision is to a host: exactly one of these.")

Version = Annotated[
    str,
    strawberry.argument(description="`current`, a sequence, a commit or how it begins, or an RFC 3339 time."),
]


@strawberry.type(name="StandingCount", description="How many hosts there are of a class.")
class StandingCountType:
    name: StandingClass
    count: int


@strawberry.type(name="StandingHost", description="One host of a class.")
class StandingHostType:
    id: str
    hostname: str
    wave: int | None
    until: Time | None
    since: Time | None
    cause: str | None
    resource: str | None
    run: str | None


@strawberry.type(name="StandingPart", description="A class, and of hosts that are in a wave or wait for it one wave.")
class StandingPartType:
    name: StandingClass
    wave: int | None
    wave_name: str | None
    count: int
    cause: str | None
    hosts: list[StandingHostType]


@strawberry.type(name="Eta", description="When the last of the hosts that are on their way will have it.")
class EtaType:
    at: Time | None
    why: str


@strawberry.type(name="Standing", description="How far one revision has come: classes that sum to the fleet.")
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
    nodes: list[StandingHostType]
    end_cursor: str | None = strawberry.field(description="Give it as `after` for those behind; null at the end.")


@strawberry.type(name="StandingPoint", description="How far a revision had come at a time.")
class StandingPointType:
    at: Time

    @computed
    def counts(self: StandingPoint) -> list[StandingCountType]:
        """Classes with none are left out."""
        return _counts(self.counts)


@strawberry.type(name="StandingHistory", description="A revision's counts at each change, oldest first.")
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
        name: StandingClass,
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

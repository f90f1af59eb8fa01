"""Holds: who gets nothing new, and what goes through."""

from __future__ import annotations

import strawberry

from api.graphql.context import Info, guarded
from api.graphql.scalars import Time
from api.graphql.shown import shown
from api.services import holds
from schema.access import Permission
from schema.holds import BreakGlass, Hold, HoldKind, HoldList

strawberry.enum(HoldKind)


@shown(Hold)
class HoldType:
    id: str
    kind: HoldKind
    match: str | None
    envoy_id: str | None
    hostname: str | None
    until: Time | None
    reason: str
    created_at: Time
    created_by: str


@shown(BreakGlass)
class BreakGlassType:
    id: str
    commit: str | None
    author: str
    match: str | None
    until: Time
    reason: str
    opened_at: Time
    opened_by: str
    ended_at: Time | None
    ended_by: str
    used_for: list[str]


@shown(HoldList, name="Holds")
class HoldListType:
    holds: list[HoldType]
    break_glass: list[BreakGlassType]


@strawberry.type
class HoldQueries:
    """Root fields of holds."""

    @guarded(Permission.FLEET_READ, graphql_type=HoldListType)
    def holds(self, info: Info) -> HoldList:
        """What holds hosts now, the newest first, and the break-glass permissions that are on."""
        return holds.listed(info.context.work)

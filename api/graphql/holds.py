"""Holds: who gets nothing new, and what goes through."""

from __future__ import annotations

import strawberry

from api.graphql.context import Info, guarded
from api.graphql.scalars import Time
from api.services import holds
from schema.access import Permission
from schema.holds import HoldKind, HoldList

strawberry.enum(HoldKind, name="HoldKind", description="What a hold means beside that nothing new comes.")


@strawberry.type(name="Hold", description="One hold: of all hosts, of those of a pattern, or of one envoy.")
class HoldType:
    id: str
    kind: HoldKind
    match: str | None
    envoy_id: str | None
    hostname: str | None
    until: Time | None = strawberry.field(description="When it ends by itself; null for never.")
    reason: str
    created_at: Time
    created_by: str


@strawberry.type(name="BreakGlass", description="A permission: what it names goes through freezes for a while.")
class BreakGlassType:
    id: str
    commit: str | None
    author: str = strawberry.field(description="Whose commits go through; empty where one commit is named.")
    match: str | None
    until: Time
    reason: str
    opened_at: Time
    opened_by: str
    ended_at: Time | None
    ended_by: str
    used_for: list[str] = strawberry.field(description="The commits that it let through.")


@strawberry.type(name="Holds", description="What holds hosts now, the newest first, and the permissions that are on.")
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

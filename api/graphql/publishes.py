"""Publishes: what came into force, and the versions one can go back to."""

from __future__ import annotations

import strawberry

from api.graphql.ahead import Asking
from api.graphql.context import Info, ahead, guarded
from api.graphql.paging import Before, First, page_size
from api.graphql.scalars import Time
from api.graphql.shown import shown
from api.services import publishes
from schema.access import Permission
from schema.publishes import Publish, PublishSource, Version

strawberry.enum(PublishSource)


@shown(Publish)
class PublishType:
    id: str
    source: PublishSource
    operator: str
    recorded_by: str | None
    timestamp: Time
    version: int
    commit: str | None
    summary: str
    changed_files: list[str]
    removed_files: list[str]
    left_out: int | None
    note: str | None


@shown(Version)
class VersionType:
    version: str
    sequence: int
    commit: str
    author: str
    summary: str
    in_force: bool


@strawberry.type
class PublishQueries:
    """Root fields of publishes."""

    @ahead(Permission.FLEET_READ, graphql_type=list[PublishType])
    async def publishes(self: Asking, first: First = 20) -> list[Publish]:
        """What came into force and the files of each, newest first; 100 at most."""
        limit = min(page_size(first), publishes.MAX_LIMIT)
        found = await publishes.page(self.call.app, self.call.actor, limit=limit, request_id=self.call.request_id)
        return found.publishes

    @guarded(Permission.FLEET_READ, graphql_type=list[VersionType])
    def versions(self, info: Info, first: First = 50, before: Before = None) -> list[Version]:
        """Versions to go back to, newest first; `before` gives those of a lower sequence."""
        return publishes.versions(info.context.work, before=before, limit=page_size(first)).details

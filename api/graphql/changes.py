"""Changes: what the server committed for those who asked it to."""

from __future__ import annotations

import strawberry

from api.graphql.context import Info, guarded
from api.graphql.paging import After, First, cursor, page_size, position
from api.graphql.scalars import Time
from api.graphql.shown import shown
from api.services import changes
from schema.access import Permission
from schema.changes import ChangeRecord, ChangeState

strawberry.enum(ChangeState)


@shown(ChangeRecord, name="Change")
class ChangeType:
    id: str
    kind: str
    state: ChangeState
    summary: str
    reason: str
    author: str
    actor: str
    commit: str
    base: str
    branch: str
    paths: list[str]
    path_count: int
    message: str
    created_at: Time
    ended_at: Time | None


@strawberry.type(name="ChangePage", description="Changes, newest first.")
class ChangePageType:
    nodes: list[ChangeType] = strawberry.field(description="Of this page.")
    end_cursor: str | None = strawberry.field(description="Give it as `after` for older ones; null at the end.")


@strawberry.type
class ChangeQueries:
    """Root fields of changes."""

    @guarded(Permission.FLEET_READ)
    def changes(self, info: Info, first: First = 50, after: After = None) -> ChangePageType:
        """What the server committed for those who asked it to, newest first."""
        size = page_size(first)
        found = changes.page(info.context.work, before=position(after), limit=size).changes
        nodes = [ChangeType(**each.model_dump(exclude={"actor_id"})) for each in found]
        return ChangePageType(nodes=nodes, end_cursor=cursor(found[-1].id) if len(found) == size else None)

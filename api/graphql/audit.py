"""Audit: who did what."""

from __future__ import annotations

from typing import Annotated

import strawberry

from api.graphql.context import Info, guarded
from api.graphql.paging import Before, First, page_size
from api.graphql.scalars import Time
from api.graphql.shown import shown
from api.services import audit
from schema.access import Permission
from schema.audit import AuditEvent


@shown(AuditEvent, name="AuditEntry")
class AuditEntryType:
    index: int
    id: str
    type: str
    operator: str
    timestamp: Time
    summary: str
    outcome: str
    object_type: str
    object_id: str
    auth: str
    request_id: str
    hash: str


@strawberry.type
class AuditQueries:
    """Root fields of audit."""

    @guarded(Permission.AUDIT_READ, graphql_type=list[AuditEntryType])
    def audit_entries(
        self,
        info: Info,
        first: First = 50,
        before: Before = None,
        type: Annotated[str | None, strawberry.argument(description="Only this action: `user.create`.")] = None,  # noqa: A002 - the API's word
        operator: Annotated[str | None, strawberry.argument(description="Only what this one did.")] = None,
        since: Annotated[str | None, strawberry.argument(description="`24h`, or a time.")] = None,
    ) -> list[AuditEvent]:
        """Audit entries, newest first; `before` gives those of a lower index."""
        return audit.events(
            info.context.work, kind=type, operator=operator, since=since, before=before, limit=page_size(first)
        ).events

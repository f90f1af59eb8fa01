"""Revisions: the commits seen, and what is in force."""

from __future__ import annotations

import strawberry

from api.graphql.context import Info, computed, guarded
from api.graphql.paging import Before, First, page_size
from api.graphql.scalars import Time
from api.graphql.shown import shown
from api.services import revisions
from schema.access import Permission
from schema.config import ConfigStatus
from schema.diagnostics import Diagnostic, Severity
from schema.revisions import Revision, RevisionState

strawberry.enum(Severity)
strawberry.enum(RevisionState)


@shown(Diagnostic)
class DiagnosticType:
    code: str
    severity: Severity
    file: str
    line: int
    column: int
    message: str
    hint: str


@shown(Revision)
class RevisionType:
    sequence: int
    commit: str
    state: RevisionState
    author: str
    summary: str
    plan_root: str
    compiled_ms: float
    diagnostics: list[DiagnosticType]
    seen_at: Time
    in_force_at: Time | None


@shown(ConfigStatus)
class ConfigStatusType:
    healthy: bool
    version: int
    last_error: str
    commit: str | None
    failed_commit: str | None
    unreadable: str | None
    diagnostics: list[DiagnosticType]

    @computed
    def last_reload_at(self) -> Time | None:
        """When a commit was judged last."""
        return self.last_reload_at or None


@strawberry.type
class RevisionQueries:
    """Root fields of revisions."""

    @guarded(Permission.FLEET_READ, graphql_type=list[RevisionType])
    def revisions(self, info: Info, first: First = 50, before: Before = None) -> list[Revision]:
        """Commits, newest first; `before` gives those of a lower sequence."""
        return revisions.page(info.context.work, before=before, limit=page_size(first))

    @guarded(Permission.FLEET_READ, graphql_type=ConfigStatusType)
    def config_status(self, info: Info) -> ConfigStatus:
        """Which commit is in force, and why a newer one is not."""
        return revisions.status(info.context.work, info.context.graph, unreadable=info.context.unreadable)

"""Sources: what is followed, and the refs beside the tracked one."""

from __future__ import annotations

from typing import Annotated

import strawberry

from api.graphql.ahead import Asking
from api.graphql.context import ahead
from api.graphql.paging import First, page_size
from api.graphql.revisions import DiagnosticType
from api.graphql.scalars import Time
from api.graphql.shown import shown
from api.services import sources
from schema.access import Permission
from schema.sources import (
    HookSeen,
    Outlook,
    Polling,
    PreviewRef,
    PreviewRefs,
    PreviewState,
    Source,
    SourceError,
    SourceState,
    Touched,
)

strawberry.enum(SourceState)
strawberry.enum(PreviewState)


@shown(SourceError)
class SourceErrorType:
    code: str
    message: str
    since: Time


@shown(Polling)
class PollingType:
    interval_s: float
    next_at: Time | None
    failures: int


@shown(HookSeen)
class HookSeenType:
    provider: str
    accepted: int
    refused: int
    last_at: Time
    last: str


@shown(Source)
class SourceType:
    state: SourceState
    location: str
    kind: str
    track: str
    commit: str | None
    preview: list[str]
    last_try_at: Time | None
    last_read_at: Time | None
    error: SourceErrorType | None
    polling: PollingType | None
    hooks: list[HookSeenType]
    refs: int


@shown(Touched)
class TouchedType:
    id: str
    title: str
    certainty: str
    count: int
    hosts: list[str]


@shown(Outlook)
class OutlookType:
    against: str | None
    at: Time
    summary: str
    hosts: int
    changed: int
    removing: int
    classes: list[TouchedType]
    left_out: int | None


@shown(PreviewRef)
class PreviewRefType:
    name: str
    ref: str
    commit: str
    state: PreviewState
    author: str
    summary: str
    committed_at: Time | None
    moved_at: Time
    message: str
    errors: int
    diagnostics: list[DiagnosticType]
    outlook: OutlookType | None


@shown(PreviewRefs)
class PreviewRefsType:
    refs: list[PreviewRefType]
    count: int
    left_out: int


@strawberry.type
class SourceQueries:
    """Root fields of sources."""

    @ahead(Permission.FLEET_READ, graphql_type=SourceType)
    async def source(self: Asking) -> Source:
        """Which repository is followed, when it was read last, and why it cannot be read."""
        return sources.described(self.call.app)

    @ahead(Permission.FLEET_READ, graphql_type=PreviewRefsType)
    async def preview_refs(
        self: Asking,
        *,
        name: Annotated[str | None, strawberry.argument(description="One alone, by its short or full name.")] = None,
        first: First = 50,
    ) -> PreviewRefs:
        """Refs beside the tracked one: whether each is valid, and whom it would change."""
        return sources.refs(self.call.app, name=name, limit=page_size(first))

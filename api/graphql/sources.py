"""Sources: what is followed, and the refs beside the tracked one."""

from __future__ import annotations

from typing import Annotated

import strawberry

from api.graphql.ahead import Asking
from api.graphql.context import ahead
from api.graphql.paging import First, page_size
from api.graphql.revisions import DiagnosticType
from api.graphql.scalars import Time
from api.services import sources
from schema.access import Permission
from schema.sources import PreviewRefs, PreviewState, Source, SourceState

strawberry.enum(SourceState, name="SourceState", description="How reading the repository goes.")
strawberry.enum(PreviewState, name="PreviewState", description="What is known of a commit that is not in force.")


@strawberry.type(name="SourceError", description="Why the repository cannot be read.")
class SourceErrorType:
    code: str
    message: str
    since: Time


@strawberry.type(name="Polling", description="How a remote is asked for news.")
class PollingType:
    interval_s: float
    next_at: Time | None
    failures: int


@strawberry.type(name="HookSeen", description="What came of the webhooks of one provider, since the server began.")
class HookSeenType:
    provider: str
    accepted: int
    refused: int
    last_at: Time
    last: str


@strawberry.type(name="Source", description="The followed repository.")
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


@strawberry.type(name="Touched", description="Hosts for which a ref would change the same.")
class TouchedType:
    id: str
    title: str
    certainty: str
    count: int
    hosts: list[str]


@strawberry.type(name="Outlook", description="What a ref would change for the hosts there are.")
class OutlookType:
    against: str | None
    at: Time
    summary: str
    hosts: int
    changed: int
    removing: int
    classes: list[TouchedType]
    left_out: int | None


@strawberry.type(name="PreviewRef", description="One ref beside the tracked one, and what its head would be.")
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


@strawberry.type(name="PreviewRefs", description="Refs beside the tracked one, those that moved last first.")
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

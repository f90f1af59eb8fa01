"""Runs: what each convergence did, resource by resource."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import strawberry

from api.graphql.context import Info, guarded
from api.graphql.paging import After, BadPage, First, cursor, page_size, position
from api.graphql.scalars import Long, Time
from api.graphql.shown import shown
from api.services import runs
from schema.access import Permission
from schema.protocol.reports import ObservedAttribute, Outcome, ResourceReport, RunStatus, Trigger
from schema.runs import Run

strawberry.enum(Outcome)
strawberry.enum(RunStatus)
strawberry.enum(Trigger)


@shown(ObservedAttribute)
class ObservedAttributeType:
    name: str
    found: str | None
    desired: str | None
    hidden: bool
    cut: bool


@shown(ResourceReport)
class ResourceReportType:
    id: str
    type: str
    outcome: Outcome
    changed: bool
    action: str
    corrective: bool
    duration_us: Long
    diff: str
    error: str
    reason: str
    file: str
    line: int
    observed: list[ObservedAttributeType]


@shown(Run)
class RunType:
    id: str
    report_id: str
    envoy_id: str
    hostname: str
    trigger: Trigger
    status: RunStatus
    commit: str
    epoch: int
    generation: int
    catalog_sha256: str
    assignment_sha256: str
    dry_run: bool
    stale: bool
    started: Time
    finished: Time
    received_at: Time
    duration_us: Long
    total: int
    unchanged: int
    changed: int
    failed: int
    skipped: int
    corrective: int
    error: str

    @guarded(Permission.FLEET_READ, graphql_type=list[ResourceReportType])
    def resources(
        self,
        info: Info,
        first: First = 50,
        skip: Annotated[int, strawberry.argument(description="How many to leave out before.")] = 0,
        outcome: Annotated[Outcome | None, strawberry.argument(description="Only those that ended so.")] = None,
    ) -> list[ResourceReport]:
        """Its resources, in the order they were converged."""
        found = runs.get(info.context.work, self.id).resources
        chosen = [item for item in found if outcome is None or item.outcome is outcome]
        start = max(0, skip)
        return chosen[start : start + page_size(first)]


@strawberry.type(name="RunPage", description="Runs, newest first.")
class RunPageType:
    nodes: list[RunType] = strawberry.field(description="Of this page.")
    end_cursor: str | None = strawberry.field(description="Give it as `after` for older ones; null at the end.")


class RunPage(NamedTuple):
    """A page, and where the next begins."""

    nodes: Sequence[Run]
    end_cursor: str | None


def page(info: Info, *, key: str | None, first: int, after: str | None) -> RunPage:
    """A page of runs, of one envoy if `key` names it.

    Raises:
        BadPage: `first` is out of range, or `after` is no cursor of runs.
    """
    mark = position(after)
    if mark is not None and not mark.isdecimal():
        raise BadPage("`after` is no cursor of runs")
    before = None if mark is None else int(mark)
    found = runs.page(info.context.work, key=key, before=before, limit=page_size(first))
    return RunPage(found.runs, None if found.next_before is None else cursor(str(found.next_before)))


@strawberry.type
class RunQueries:
    """Root fields of runs."""

    @guarded(Permission.FLEET_READ, graphql_type=RunPageType)
    def runs(
        self,
        info: Info,
        first: First = 50,
        after: After = None,
        hostname: Annotated[str | None, strawberry.argument(description="Only of this envoy; its id will do.")] = None,
    ) -> RunPage:
        """What each convergence did, newest first."""
        return page(info, key=hostname, first=first, after=after)

    @guarded(Permission.FLEET_READ, graphql_type=RunType)
    def run(
        self,
        info: Info,
        id: Annotated[str, strawberry.argument(description="Of the run.")],  # noqa: A002 - the API's word
    ) -> Run:
        """One run."""
        return runs.get(info.context.work, id)

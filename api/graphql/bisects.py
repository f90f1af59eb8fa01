"""Bisects: which change since a time separates bad hosts from those that are well."""

from __future__ import annotations

from typing import Annotated

import strawberry

from api.graphql.ahead import Asking
from api.graphql.context import ahead
from api.graphql.scalars import Json, Time
from api.graphql.shown import shown
from api.services import bisects, graphs
from schema.access import Permission
from schema.bisects import MAX_PATTERNS, MAX_SUSPECTS, Bisect, BisectChange, BisectQuestion, Suspect
from schema.explanations import Line
from schema.time import from_rfc3339


@shown(Line, name="BisectLine")
class BisectLineType:
    file: str
    line: int
    column: int
    source: str


@shown(BisectChange)
class BisectChangeType:
    kind: str
    name: str
    action: str
    crate: str | None
    attribute: str | None
    base: Json | None
    other: Json | None
    resources: list[str] | None
    at: BisectLineType | None


@shown(Suspect)
class SuspectType:
    commit: str
    sequence: int
    author: str
    summary: str
    in_force_at: Time
    exact: bool
    score: float
    bad: int
    good: int
    changes: list[BisectChangeType]
    changes_left_out: int | None
    bad_without: list[str]
    bad_without_left_out: int | None
    good_with: list[str]
    good_with_left_out: int | None
    changed_again: list[str]
    revert_hosts: int
    revert_crates: list[str]


@shown(Bisect)
class BisectType:
    since: Time
    bad: list[str]
    bad_left_out: int | None
    bad_count: int
    good_count: int
    revisions: int
    changed_nothing: int
    suspects: list[SuspectType]
    left_out: int | None
    notes: list[str]


@strawberry.type
class BisectQueries:
    """Root fields of bisects."""

    @ahead(Permission.FLEET_READ, long=True, graphql_type=BisectType)
    async def bisect(
        self: Asking,
        *,
        bad: Annotated[list[str], strawberry.argument(description="Names of bad hosts, or patterns.")],
        since: Annotated[str, strawberry.argument(description="When all was well: an RFC 3339 time.")],
        good: Annotated[
            list[str], strawberry.argument(description="Hosts that are well; all others, when none is given.")
        ] = [],  # noqa: B006 - an argument's default
        most: Annotated[int, strawberry.argument(description="Suspects that are told.")] = 10,
    ) -> Bisect:
        """Which commit, crate and attribute bad hosts have in common since a time, and hosts that are well do not."""
        if not 0 < len(bad) <= MAX_PATTERNS or len(good) > MAX_PATTERNS:
            raise bisects.NoSuchHosts(f"name from 1 to {MAX_PATTERNS} bad hosts or patterns, and as many that are well")
        try:
            moment = from_rfc3339(since)
        except (ValueError, OverflowError) as error:
            raise graphs.NotATime(f"since: {error}") from error
        question = BisectQuestion(bad=bad, good=good, since=moment, limit=max(1, min(most, MAX_SUSPECTS)))
        call = self.call
        return await bisects.bisect(call.app, call.actor, question, request_id=call.request_id)

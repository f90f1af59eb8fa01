"""Bisects over REST."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.http.areas import Area, Call
from api.services import bisects
from schema.access import Permission
from schema.bisects import MAX_SUSPECTS, Bisect, BisectQuestion, Pattern
from schema.time import Instant

area = Area("bisects")

MAX_IN_QUERY = 100
"""Patterns in a query string; more go into the body of the other endpoint."""


@area("GET", "/api/v1/bisect", Permission.FLEET_READ, raises=bisects.FAULTS, timeout_s=60.0)
async def bisect(
    call: Call,
    *,
    bad: Annotated[list[Pattern], Field(min_length=1, max_length=MAX_IN_QUERY)],
    since: Instant,
    good: Annotated[list[Pattern], Field(max_length=MAX_IN_QUERY)] = [],  # noqa: B006 - a query parameter
    limit: Annotated[int, Field(ge=1, le=MAX_SUSPECTS)] = 10,
) -> Bisect:
    """Which commit, crate and attribute bad hosts have in common since a time, and hosts that are well do not.

    `bad` and `good`, which may be given more than once, are host names or patterns as in a match block; without `good`
    all other hosts are well. No host is touched: changes come from the config, and how far each host is from what it
    ran last. Suspects are ranked; `notes` says what was not looked at.

    Args:
        bad: a host, or a pattern of hosts, that has the trouble.
        since: when all was well still, RFC 3339.
        good: a host, or a pattern of hosts, that is well; all others when there is none.
        limit: how many suspects at most.
    """
    question = BisectQuestion(bad=bad, good=good, since=since, limit=limit)
    return await bisects.bisect(call.app, call.actor, question, request_id=call.request_id)


@area("POST", "/api/v1/bisect", Permission.FLEET_READ, raises=bisects.FAULTS, timeout_s=60.0)
async def bisect_many(call: Call, question: BisectQuestion) -> Bisect:
    """The same, for more hosts than a query string names."""
    return await bisects.bisect(call.app, call.actor, question, request_id=call.request_id)

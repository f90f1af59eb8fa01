"""Drifts over REST: what was found on hosts otherwise than it should be, and how the fleet was day by day."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.http.areas import Area, Call
from api.http.writes import KEY
from api.services import drift_proposals, drifts, envoys
from api.services.work import Work
from schema.access import Permission
from schema.drifts import (
    DEFAULT_DAYS,
    DEFAULT_HOSTS,
    MAX_DAYS,
    MAX_HOSTS,
    DriftDayDetail,
    DriftHistory,
    DriftProposals,
    Drifts,
    How,
    ProposeDrift,
)
from schema.envoys import EnvoyKey

area = Area("drifts")

Day = Annotated[str, Field(min_length=1, max_length=10)]


@area("GET", "/api/v1/drifts", Permission.FLEET_READ, raises=[envoys.EnvoyNotFound])
def list_drifts(
    work: Work,
    *,
    hostname: EnvoyKey | None = None,
    how: How | None = None,
    days: Annotated[int, Field(ge=1, le=MAX_DAYS)] = DEFAULT_DAYS,
    after: Annotated[str | None, Field(min_length=1, max_length=253)] = None,
    limit: Annotated[int, Field(ge=1, le=MAX_HOSTS)] = DEFAULT_HOSTS,
) -> Drifts:
    """Hosts on which something was otherwise than desired: which resources, what was found, since when.

    `corrective` is what somebody else had changed and the agent changed back, in the last `days`; `left` is what is
    otherwise still. With `hostname` (id or hostname) also what is over. Walk with `next_after`.

    Args:
        how: only what was left so.
        days: how far to look back for what was changed back.
        after: `next_after` of the page before.
        limit: how many hosts at most.
    """
    return drifts.current(work, days=days, key=hostname, how=how, after=after, limit=limit)


@area("GET", "/api/v1/drifts/history", Permission.FLEET_READ, raises=[drifts.BadDay])
def drift_history(
    work: Work, days: Annotated[int, Field(ge=1, le=MAX_DAYS)] = 30, before: Day | None = None
) -> DriftHistory:
    """How many hosts had which word on each day, the newest first; today as it is so far.

    Args:
        days: how many.
        before: a day, `2026-03-13`: older ones.
    """
    return drifts.history(work, days=days, before=before)


@area("GET", "/api/v1/drifts/history/{day}", Permission.FLEET_READ, raises=[drifts.NoSuchDay])
def drift_day(work: Work, day: Day) -> DriftDayDetail:
    """One day with the hosts whose words were others at its end than at its beginning.

    Args:
        day: UTC, `2026-03-13`.
    """
    return drifts.of_day(work, day)


@area(
    "POST",
    "/api/v1/drifts/propose",
    Permission.FLEET_READ,
    raises=drift_proposals.FAULTS,
    timeout_s=60.0,
)
async def propose_drift(call: Call, body: ProposeDrift) -> DriftProposals:
    """What would have to be committed for what was found on some hosts to be what is desired.

    For each resource the edits that say so, the briefest first: of a host, a block, a role, an environment, a directory
    or the crate; each with its diff and whom it reaches. With `write` those of `rank` become a proposal branch; that
    needs `config.publish`.
    """
    key = call.request.headers.get(KEY, "")
    return await drift_proposals.make(call.app, call.actor, body, key=key, request_id=call.request_id)

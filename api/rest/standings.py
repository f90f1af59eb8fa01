"""Standings over REST: how far each revision has come."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.http.areas import Area, Call
from api.services import standings
from api.services.work import Work
from schema.access import Permission
from schema.standings import MAX_PAGE, Standing, StandingClass, StandingHistory, StandingHosts

area = Area("standings")

Version = Annotated[
    str,
    Field(
        max_length=64, description="`current`, a revision's sequence, a commit or how it begins, or an RFC 3339 time."
    ),
]


@area("GET", "/api/v1/standings/{version}", Permission.FLEET_READ, raises=standings.FAULTS)
async def get_standing(call: Call, version: Version) -> Standing:
    """How far a revision has come: `current`, a sequence, a commit or how it begins, or an RFC 3339 time.

    The classes exclude each other and sum to the fleet; each names its first hosts.
    """
    return await standings.get(call.app, call.actor, version, request_id=call.request_id)


@area("GET", "/api/v1/standings/{version}/hosts", Permission.FLEET_READ, raises=standings.FAULTS)
async def list_standing_hosts(
    call: Call,
    version: Version,
    name: Annotated[StandingClass, Field(alias="class")] = StandingClass.FAILED,
    wave: Annotated[int | None, Field(ge=1)] = None,
    after: Annotated[str, Field(max_length=253)] = "",
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100,
) -> StandingHosts:
    """Hosts of one class of a revision, by name, from behind `after` on; of one wave, if asked for it.

    Those that failed, where no class is named.

    Args:
        name: which class.
        wave: only of this wave, from 1.
        after: a hostname: those behind it.
        limit: how many at most.
    """
    return await standings.page(
        call.app, call.actor, version, name, wave=wave, after=after, limit=limit, request_id=call.request_id
    )


@area(
    "GET",
    "/api/v1/standings/{version}/history",
    Permission.FLEET_READ,
    raises=[standings.StandingNotFound, standings.BadVersion],
)
def standing_history(work: Work, version: Version) -> StandingHistory:
    """A revision's counts at each change, oldest first; of what is long ago, thinned to 500 in all."""
    return standings.history(work, version)

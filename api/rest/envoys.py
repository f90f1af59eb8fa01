"""Envoys over REST: the managed hosts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.http.areas import Area, Call
from api.services import checks, envoys, extents, verdicts
from api.services.work import Work
from schema.access import Permission
from schema.drifts import ConvergenceHistory
from schema.envoys import DEFAULT_PAGE, CheckAsked, Envoy, EnvoyCompliance, EnvoyKey, EnvoyPage

area = Area("envoys")


@area("GET", "/api/v1/envoys", Permission.FLEET_READ)
async def list_envoys(
    call: Call,
    include_revoked: Annotated[bool, Field(alias="includeRevoked")] = False,  # noqa: FBT002 - a query parameter
    limit: int = DEFAULT_PAGE,
    offset: int = 0,
) -> EnvoyPage:
    """The fleet, page by page, by hostname.

    A `limit` outside 1 to 5,000 is brought into it. Walk with `nextOffset` until `hasMore` is false.

    Args:
        include_revoked: whether revoked ones are listed as well.
        limit: how many at most; brought into 1 to 5,000.
        offset: how many to skip.
    """
    online, graph, extent = envoys.online(call.app), call.app.graph, extents.now(call.app)
    return await call.read(
        lambda work: envoys.page(
            work, online=online, graph=graph, include_revoked=include_revoked, limit=limit, offset=offset, extent=extent
        )
    )


@area("GET", "/api/v1/envoys/{id}", Permission.FLEET_READ, raises=[envoys.EnvoyNotFound])
async def get_envoy(call: Call, id: EnvoyKey) -> Envoy:  # noqa: A002 - the path's own word
    """One envoy, by id or hostname."""
    online, graph = envoys.online(call.app), call.app.graph
    return await call.read(lambda work: envoys.get(work, id, online=online, graph=graph))


@area("DELETE", "/api/v1/envoys/{id}", Permission.FLEET_WRITE, raises=[envoys.EnvoyNotFound], status=204)
def revoke_envoy(work: Work, id: EnvoyKey) -> None:  # noqa: A002 - the path's own word
    """Revoke an envoy: it is disconnected and never served again.

    A host of its name can be enrolled anew, and then sees nothing of what this one had.
    """
    envoys.revoke(work, id)


@area("POST", "/api/v1/envoys/update", Permission.FLEET_WRITE, status=202)
async def check_envoys(call: Call) -> CheckAsked:
    """Have all envoys check now whether they are what they should be.

    Each begins at a moment of its own, all within `within_s`, so that the fleet does not begin at once.
    """
    return await checks.everyone(call.app, call.actor, request_id=call.request_id)


@area("POST", "/api/v1/envoys/{id}/update", Permission.FLEET_WRITE, raises=[envoys.EnvoyNotFound], status=202)
async def check_envoy(call: Call, id: EnvoyKey) -> CheckAsked:  # noqa: A002 - the path's own word
    """Have one envoy, by id or hostname, check now whether it is what it should be.

    One that is not connected is not reached, and checks when it next does by itself.
    """
    return await checks.one(call.app, call.actor, id, request_id=call.request_id)


@area("GET", "/api/v1/envoys/{id}/convergence", Permission.FLEET_READ, raises=[envoys.EnvoyNotFound])
async def envoy_convergence(
    call: Call,
    id: EnvoyKey,  # noqa: A002 - the path's own word
    before: Annotated[int | None, Field(ge=0, le=2**53)] = None,
    limit: int = 50,
) -> ConvergenceHistory:
    """The words of one envoy, by id or hostname: convergence, drift, reachability; and how they became so.

    Newest first; `next_before` as `before` shows the older ones. A `limit` outside 1 to 200 is brought into it.

    Args:
        before: `next_before` of the page before.
        limit: how many at most; brought into 1 to 200.
    """
    online, graph = envoys.online(call.app), call.app.graph
    return await call.read(
        lambda work: verdicts.history(work, id, online=online, graph=graph, before=before, limit=limit)
    )


@area("GET", "/api/v1/envoys/{id}/compliance", Permission.COMPLIANCE_READ, raises=[envoys.EnvoyNotFound])
async def envoy_compliance(call: Call, id: EnvoyKey) -> EnvoyCompliance:  # noqa: A002 - the path's own word
    """Whether one envoy is what it should be, by id or hostname."""
    online, graph = envoys.online(call.app), call.app.graph
    return await call.read(lambda work: envoys.compliance(work, id, online=online, graph=graph))

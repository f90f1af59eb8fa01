"""Checks: an operator has hosts look now whether they are what they should be, instead of when their time comes."""

from __future__ import annotations

from typing import Final

from api.services import envoys
from api.services.container import Services
from api.services.work import Actor, Work
from api.storage import envoys as rows
from schema.envoys import CheckAsked

HOSTS_A_SECOND: Final = 500
"""How many of a fleet begin in a second: a quarter of what one server stores of reports, with all else it does."""
MAX_SPREAD_S: Final = 600.0


async def one(services: Services, actor: Actor, key: str, *, request_id: str = "") -> CheckAsked:
    """Have one envoy (id or hostname) make a full check now, if it is connected.

    Raises:
        envoys.EnvoyNotFound
    """

    def record(work: Work) -> tuple[str, bool]:
        envoy = envoys.known(work, key)
        work.audit("envoy.check", "envoy", envoy.id, payload={"hostname": envoy.hostname})
        return envoy.id, envoy.revoked_at is None

    envoy_id, live = await services.write(actor, record, request_id=request_id)
    return CheckAsked(asked=1, reached=_told(services, [envoy_id] if live else [], 0.0), within_s=0.0)


async def everyone(services: Services, actor: Actor, *, request_id: str = "") -> CheckAsked:
    """Have all envoys that are connected make a full check, each at a moment of its own within a while."""

    def record(work: Work) -> list[str]:
        found: list[str] = []
        after = ""
        while page := rows.live_ids(work.session, work.project_id, after=after):
            found += page
            after = page[-1]
        work.audit("envoy.check", "envoy", "", payload={"envoys": len(found)})
        return found

    ids = await services.write(actor, record, request_id=request_id)
    within_s = round(min(len(ids) / HOSTS_A_SECOND, MAX_SPREAD_S), 1)
    return CheckAsked(asked=len(ids), reached=_told(services, ids, within_s), within_s=within_s)


def _told(services: Services, ids: list[str], within_s: float) -> int:
    return int(services.gateway.check(ids, within_s=within_s)) if services.gateway is not None else 0

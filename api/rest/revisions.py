"""Revisions over REST: the state of the config."""

from __future__ import annotations

from api.http.areas import Area, Call
from api.services import revisions, sources
from api.services.work import Work
from schema.access import Permission
from schema.config import ConfigStatus
from schema.revisions import ConfigVersion, Reloaded

area = Area("revisions")


@area("GET", "/api/v1/config/status", Permission.FLEET_READ)
async def config_status(call: Call) -> ConfigStatus:
    """Whether the newest commit is in force, and if not, why. Waivers that have expired since are warned of."""
    graph, unreadable = call.app.graph, sources.unreadable(call.app)
    return await call.read(lambda work: revisions.status(work, graph, unreadable=unreadable))


@area("GET", "/api/v1/config/version", Permission.FLEET_READ)
def config_version(work: Work) -> ConfigVersion:
    """Which revision is in force."""
    return revisions.version(work)


@area("POST", "/api/v1/config/reload", Permission.CONFIG_PUBLISH, also=[202], raises=[revisions.NoRepository])
async def reload_config(call: Call) -> Reloaded:
    """Read the repository again now.

    Answers when its head is in force or has failed; after 30 s with 202, while it goes on.
    """
    result = await revisions.reload(call.app, call.actor, request_id=call.request_id)
    if result.status == "accepted":
        call.status = 202
    return result

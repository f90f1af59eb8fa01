"""Holds over REST: freeze, maintenance, quarantine, and the permission that goes through.

What changes a hold is answered when the loop knows of it.
"""

from __future__ import annotations

from api.http.areas import Area, Call
from api.services import break_glass, envoys, holds
from api.services.work import Work
from schema.access import Permission
from schema.envoys import EnvoyKey
from schema.holds import (
    BreakGlass,
    BreakGlassList,
    BreakGlassOpen,
    Freeze,
    Frozen,
    Hold,
    HoldCreate,
    HoldKind,
    HoldList,
    Match,
    Until,
)

area = Area("holds")

_OF_ENVOY = [envoys.EnvoyNotFound, holds.BadHold, holds.TooManyHolds]


@area(
    "POST",
    "/api/v1/config/freeze",
    Permission.CONFIG_PUBLISH,
    raises=[holds.BadHold, holds.TooManyHolds],
)
async def freeze_config(call: Call, freeze: Freeze) -> Frozen:
    """Freeze all hosts, or those of a pattern, until a time: commits come into force, but no frozen host moves.

    Without a time, until it is taken off. A freeze of the same hosts takes the place of the one before.
    """
    done = await call.write(lambda work: holds.freeze(work, freeze))
    await holds.told(call.app)
    return done


@area("POST", "/api/v1/config/unfreeze", Permission.CONFIG_PUBLISH, raises=[holds.HoldNotFound, holds.BadHold])
async def unfreeze_config(call: Call, match: Match | None = None) -> Frozen:
    """Take off every freeze, or with `match` the one of that pattern. The hosts then follow the newest commit.

    Args:
        match: only the freeze of this pattern.
    """
    done = await call.write(lambda work: holds.unfreeze(work, match))
    await holds.told(call.app)
    return done


@area("GET", "/api/v1/holds", Permission.FLEET_READ)
def list_holds(work: Work) -> HoldList:
    """What holds hosts now, the newest first, and the break-glass permissions that are on."""
    return holds.listed(work)


@area("POST", "/api/v1/holds", Permission.FLEET_WRITE, status=201, raises=_OF_ENVOY)
async def create_hold(call: Call, new: HoldCreate) -> Hold:
    """Hold all hosts, those of a pattern, or one envoy, until a time. A freeze needs `config.publish` as well."""
    done = await call.write(lambda work: holds.put(work, new))
    await holds.told(call.app)
    return done


@area("DELETE", "/api/v1/holds/{id}", Permission.FLEET_WRITE, status=204, raises=[holds.HoldNotFound])
async def lift_hold(call: Call, id: str) -> None:  # noqa: A002 - the path's own word
    """Take off a hold. A freeze needs `config.publish` as well.

    Args:
        id: of the hold.
    """
    await call.write(lambda work: holds.lift(work, id))
    await holds.told(call.app)


@area("PUT", "/api/v1/envoys/{id}/maintenance", Permission.FLEET_WRITE, raises=_OF_ENVOY)
async def begin_maintenance(call: Call, id: EnvoyKey, until: Until) -> Hold:  # noqa: A002 - the path's own word
    """Say that somebody is at work on a host: it gets nothing new, and its failures and silence do not count."""
    done = await call.write(lambda work: holds.hold_envoy(work, id, HoldKind.MAINTENANCE, until))
    await holds.told(call.app)
    return done


@area("DELETE", "/api/v1/envoys/{id}/maintenance", Permission.FLEET_WRITE, status=204, raises=[envoys.EnvoyNotFound])
async def end_maintenance(call: Call, id: EnvoyKey) -> None:  # noqa: A002 - the path's own word
    """Say that the work on a host is done: it follows the newest commit."""
    await call.write(lambda work: holds.release_envoy(work, id, HoldKind.MAINTENANCE))
    await holds.told(call.app)


@area("PUT", "/api/v1/envoys/{id}/quarantine", Permission.FLEET_WRITE, raises=_OF_ENVOY)
async def begin_quarantine(call: Call, id: EnvoyKey, until: Until) -> Hold:  # noqa: A002 - the path's own word
    """Set a host apart that nobody trusts: it gets nothing new, and counts as healthy nowhere."""
    done = await call.write(lambda work: holds.hold_envoy(work, id, HoldKind.QUARANTINE, until))
    await holds.told(call.app)
    return done


@area("DELETE", "/api/v1/envoys/{id}/quarantine", Permission.FLEET_WRITE, status=204, raises=[envoys.EnvoyNotFound])
async def end_quarantine(call: Call, id: EnvoyKey) -> None:  # noqa: A002 - the path's own word
    """Take a host back: it follows the newest commit."""
    await call.write(lambda work: holds.release_envoy(work, id, HoldKind.QUARANTINE))
    await holds.told(call.app)


@area("GET", "/api/v1/break-glass", Permission.FLEET_READ)
def list_break_glass(work: Work) -> BreakGlassList:
    """Break-glass permissions, on and over, the newest first: the last 200."""
    return break_glass.page(work)


@area(
    "POST",
    "/api/v1/break-glass",
    Permission.CONFIG_ROLLBACK,
    status=201,
    raises=[break_glass.BadBreakGlass, break_glass.TooManyBreakGlasses],
)
async def open_break_glass(call: Call, new: BreakGlassOpen) -> BreakGlass:
    """Let a commit, or the commits of an author, through freezes and missing approvals, for at most four hours.

    Opening, every use and the end are in the audit log; while it is on, every answer of this API says so in its header
    `vigo-notice`.
    """
    done = await call.write(lambda work: break_glass.open_(work, new))
    await holds.told(call.app)
    return done


@area(
    "DELETE",
    "/api/v1/break-glass/{id}",
    Permission.CONFIG_ROLLBACK,
    status=204,
    raises=[break_glass.BreakGlassNotFound],
)
async def close_break_glass(call: Call, id: str) -> None:  # noqa: A002 - the path's own word
    """End a break-glass permission before its time.

    Args:
        id: of the permission.
    """
    await call.write(lambda work: break_glass.close(work, id))
    await holds.told(call.app)

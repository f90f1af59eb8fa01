"""Traits over REST: what hosts say they are, and the inventory over it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.http.areas import Area
from api.services import envoys, traits
from api.services.work import Work
from schema.access import Permission
from schema.envoys import EnvoyKey, HostTraits, Inventory, InventoryKeys

area = Area("traits")


@area(
    "GET",
    "/api/v1/envoys/{hostname}/traits",
    Permission.FLEET_READ,
    raises=[envoys.EnvoyNotFound, traits.NoTraits],
)
def envoy_traits(work: Work, hostname: EnvoyKey) -> HostTraits:
    """What one envoy last said it is, by hostname or id."""
    return traits.get(work, hostname)


@area("GET", "/api/v1/inventory/keys", Permission.FLEET_READ)
def inventory_keys(work: Work) -> InventoryKeys:
    """All keys that are known across the fleet, by name, each with how many envoys have it.

    What `where` and `show` of the inventory take. They are counted as they come, so this is quick at any size.
    """
    return traits.keys(work)


@area("GET", "/api/v1/inventory", Permission.FLEET_READ, raises=[traits.BadCondition])
def inventory(
    work: Work,
    where: Annotated[list[str], Field(max_length=traits.MAX_CONDITIONS)] = [],  # noqa: B006 - a query parameter
    show: Annotated[str | None, Field(max_length=4_096)] = None,
) -> Inventory:
    """Envoys by what they say they are.

    `where=os.distro=ubuntu` may be given more than once: all must hold. `show` names the dotted paths to tell of each,
    separated by commas; all traits when it is not given.

    Args:
        where: a condition, `os.distro=ubuntu`; may be given more than once: all must hold.
        show: dotted paths with commas between; all traits when not given.
    """
    return traits.inventory(work, where=where, show=show)

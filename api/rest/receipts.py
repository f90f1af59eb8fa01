"""Receipts over REST: what hosts vouched for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.http.areas import Area
from api.services import envoys, receipts
from api.services.work import Work
from schema.access import Permission
from schema.envoys import EnvoyKey
from schema.receipts import MAX_PAGE, Receipts

area = Area("receipts")


@area("GET", "/api/v1/receipts", Permission.FLEET_READ, raises=[envoys.EnvoyNotFound])
def list_receipts(
    work: Work,
    hostname: EnvoyKey,
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50,
    before: int | None = None,
) -> Receipts:
    """Receipts of one envoy (`hostname` may be an id), the last that came first, with the key to check them.

    For the next page give the answer's `next_before` as `before`.

    Args:
        limit: how many at most.
        before: `next_before` of the page before.
    """
    return receipts.page(work, hostname, before=before, limit=limit)

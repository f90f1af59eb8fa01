"""Retractions over REST."""

from __future__ import annotations

from api.http.areas import Area, Call
from api.services import retractions
from api.services.desks import QuestionsBusy
from schema.access import Permission
from schema.retractions import Retractions, RetractionsAsked

area = Area("retractions")


@area("POST", "/api/v1/config/retract", Permission.CONFIG_PUBLISH, raises=[QuestionsBusy])
async def retract(call: Call, body: RetractionsAsked) -> Retractions:
    """The crates that take removed crates back, resource by resource, with how sure each reversal is.

    Nothing is committed and no host is touched: read what it gives, then commit it. Rules decide all of it.
    """
    return await retractions.retract(call.app, call.actor, body, request_id=call.request_id)

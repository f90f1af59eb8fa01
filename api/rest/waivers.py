"""Waivers over REST."""

from __future__ import annotations

from api.http.areas import Area, Call
from api.http.writes import KEY, answered
from api.services import changes, waivers
from reconciler.documents.edit import NotEditable
from reconciler.repository.faults import RepositoryDamaged, RevisionNotFound, TreeRefused
from schema.access import Permission
from schema.changes import Written
from schema.waivers import WaiverCreate

area = Area("waivers")


@area(
    "POST",
    "/api/v1/waivers",
    Permission.CONFIG_PUBLISH,
    also=[202],
    raises=[
        *changes.FAULTS,
        changes.NotInForce,
        waivers.NoSuchDirectory,
        NotEditable,
        RepositoryDamaged,
        RevisionNotFound,
        TreeRefused,
    ],
)
async def add_waiver(call: Call, body: WaiverCreate) -> Written:
    """Waive a control for a while: a commit adds it to `waivers.vgo` of a directory, by whoever asks.

    Answers when that commit is in force; with 202 after 30 s, while it goes on, and where it became a proposal.
    """
    key = call.request.headers.get(KEY, "")
    return answered(call, await waivers.add(call.app, call.actor, body, key=key, request_id=call.request_id))

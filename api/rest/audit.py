"""The audit log over REST."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.http.areas import Area, Call
from api.services import audit
from api.services.work import Work
from schema.access import Permission
from schema.audit import AuditEvents, AuditVerification

area = Area("audit")


@area("GET", "/api/v1/audit", Permission.AUDIT_READ, raises=[audit.BadSince])
def list_audit(
    work: Work,
    kind: Annotated[str | None, Field(alias="type", max_length=64)] = None,
    operator: Annotated[str | None, Field(max_length=256)] = None,
    since: Annotated[str | None, Field(max_length=64)] = None,
    before: Annotated[int | None, Field(ge=0)] = None,
    limit: Annotated[int, Field(ge=1)] = 50,
) -> AuditEvents:
    """Entries of the audit log, newest first.

    `type` is an action with dots or underscores; `since` a duration back from now (24h) or an RFC 3339 time; `before`
    an entry's index, to go on from a page's last; `limit` is 200 at most.
    """
    return audit.events(work, kind=kind, operator=operator, since=since, before=before, limit=limit)


@area("GET", "/api/v1/audit/verify", Permission.AUDIT_READ, timeout_s=600.0)
async def verify_audit(call: Call) -> AuditVerification:
    """Whether every entry is as it was written, none missing and none added.

    `first_broken` is the index of the first entry that is not.
    """
    walk = audit.Walk(call.actor.project_id)
    while not walk.done:
        await call.read(lambda work: audit.verify_stretch(work, walk))
    return audit.verification(walk)

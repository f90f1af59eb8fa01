"""The audit log over REST: one endpoint for both documents' words."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.http.areas import Area, Call
from api.services import audit
from schema.access import Permission
from schema.audit import AuditEvents, AuditVerification
from schema.paging import MAX_PAGE_NUMBER

area = Area("audit")

Word = Annotated[str | None, Field(max_length=256)]
CONSOLE_WORDS = ("page", "user_id", "team_id", "action", "resource", "resource_id", "from", "to")
CONSOLE_LIMIT = 20


@area("GET", "/api/v1/audit", Permission.AUDIT_READ, raises=[audit.BadSince])
async def list_audit(
    call: Call,
    *,
    kind: Annotated[str | None, Field(alias="type", max_length=64)] = None,
    operator: Word = None,
    since: Word = None,
    before: Annotated[int | None, Field(ge=0)] = None,
    limit: Annotated[int, Field(ge=1)] = 50,
    page: Annotated[int, Field(ge=1, le=MAX_PAGE_NUMBER)] = 1,
    user_id: Word = None,
    team_id: Word = None,
    action: Word = None,
    resource: Word = None,
    resource_id: Annotated[str | None, Field(max_length=1_024)] = None,
    from_: Annotated[str | None, Field(alias="from", max_length=64)] = None,
    to: Annotated[str | None, Field(max_length=64)] = None,
) -> AuditEvents:
    """Entries of the audit log, newest first.

    `type` is an action with dots or underscores; `since` a duration back from now (24h) or an RFC 3339 time; `before`
    an entry's index, to go on from a page's last; `limit` is 200 at most.

    With `page`, `user_id`, `team_id`, `action`, `resource`, `resource_id`, `from` or `to` the answer also has `data`
    and `pagination`, and `limit` is 20 where it is not given.

    Args:
        kind: only this action, with dots or underscores: `config.publish`.
        operator: only what this account did, by name.
        since: a duration back from now (`24h`), or an RFC 3339 time.
        before: an entry's index: those before it.
        limit: how many at most.
        page: which page of `limit` entries, from 1.
        user_id: only what this account did, by id.
        team_id: only what was done in this team.
        action: only this action.
        resource: only what was done to this kind of thing.
        resource_id: only what was done to the thing of this id.
        from_: not before this RFC 3339 time.
        to: not after this RFC 3339 time.
    """
    asked = call.request.query_params
    if not any(word in asked for word in CONSOLE_WORDS):
        return await call.read(
            lambda work: audit.events(work, kind=kind, operator=operator, since=since, before=before, limit=limit)
        )
    return await call.read(
        lambda work: audit.records(
            work,
            user_id=user_id,
            team_id=team_id,
            action=action or kind,
            resource=resource,
            resource_id=resource_id,
            since=from_ or since,
            until=to,
            operator=operator,
            page=page,
            limit=limit if "limit" in asked else CONSOLE_LIMIT,
        )
    )


@area("GET", "/api/v1/audit/verify", Permission.AUDIT_READ, timeout_s=600.0)
async def verify_audit(call: Call) -> AuditVerification:
    """Whether every entry is as it was written, none missing and none added.

    `first_broken` is the index of the first entry that is not.
    """
    walk = audit.Walk(call.actor.project_id)
    while not walk.done:
        await call.read(lambda work: audit.verify_stretch(work, walk))
    return audit.verification(walk)

"""Audit: append to the chain, list it, verify it.

Entries of a unit of work are appended last, under its savepoint: no change without its entry, no entry without its
change. The form of a leaf is in `schema/audit.py` and final.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from api.services.redaction import redact, redact_text
from api.services.work import Work
from api.storage import audit as rows
from api.storage.audit import Entry, Wanted
from schema import canonical
from schema.audit import (
    GENESIS,
    MAX_LEAF_BYTES,
    MAX_PAYLOAD_BYTES,
    AuditEvent,
    AuditEvents,
    AuditRecord,
    AuditVerification,
    leaf_hash,
)
from schema.errors import Invalid
from schema.ids import sha256
from schema.paging import Pagination
from schema.time import from_rfc3339, parse_duration

MAX_LIMIT: Final = 200
STRETCH: Final = 2_000
"""Entries verified in one read."""


class EntryTooLarge(Invalid):
    """An entry or its payload is over its limit; what it was about has not happened."""

    code = "audit.entry_too_large"


class BadSince(Invalid):
    """Neither a duration nor a time."""

    code = "audit.bad_since"


def append(work: Work) -> None:
    """Link the entries that `work.audit` collected to the chain. Called by the edge alone, last.

    Raises:
        EntryTooLarge: a leaf over 64 KiB or a payload over 1 MiB.
    """
    if not work.entries:
        return
    size, last = rows.head(work.session, work.project_id)
    linked: list[Entry] = []
    now = work.now
    for pending in work.entries:
        body = None if pending.payload is None else _canonical(redact(dict(pending.payload)))
        actor = pending.actor
        leaf = canonical.dumps(
            {
                "v": 1,
                "project": work.project_id,
                "index": size,
                "time": now,
                "prev_hash": last,
                "actor": {"type": actor.type, "id": _clip(actor.id, 256), "name": _clip(actor.name, 256)},
                "auth": _clip(actor.auth, 64),
                "action": _clip(pending.action, 64),
                "object": {"type": _clip(pending.object_type, 64), "id": _clip(pending.object_id, 1024)},
                "outcome": pending.outcome,
                "request_id": _clip(work.request_id, 64),
                "payload_digest": None if body is None else sha256(body),
            }
        )
        if len(leaf) > MAX_LEAF_BYTES or len(body or b"") > MAX_PAYLOAD_BYTES:
            raise EntryTooLarge(f"the audit entry of {pending.action} is too large to be written")
        fields = orjson.loads(leaf)
        linked.append(
            Entry(
                idx=size,
                prev_hash=last,
                hash=leaf_hash(leaf),
                leaf=leaf.decode(),
                time=now,
                kind=rows.kind_of(fields["action"]),
                operator=fields["actor"]["name"],
                actor_id=fields["actor"]["id"],
                object_type=fields["object"]["type"],
                object_id=fields["object"]["id"],
                payload=None if body is None else body.decode(),
            )
        )
        size, last = size + 1, linked[-1].hash
    rows.append(work.session, work.project_id, linked)
    work.entries.clear()


def events(
    work: Work,
    *,
    kind: str | None = None,
    operator: str | None = None,
    since: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> AuditEvents:
    """Entries, newest first.

    Args:
        kind: action, dotted or with underscores: `user.create`, `user_create`.
        since: a duration back from now (`24h`) or an RFC 3339 time.
        before: only entries of a lower index.

    Raises:
        BadSince: `since` is neither.
    """
    wanted = Wanted(kind=kind, operator=operator, since=_moment(since, work.now), before=before)
    entries = rows.page(work.session, work.project_id, wanted, limit=min(limit, MAX_LIMIT))
    return AuditEvents(events=[_event(entry) for entry in entries])


def records(
    work: Work,
    *,
    user_id: str | None = None,
    team_id: str | None = None,
    action: str | None = None,
    resource: str | None = None,
    resource_id: str | None = None,
    since: str | None = None,
    until: str | None = None,
    operator: str | None = None,
    page: int = 1,
    limit: int = 20,
) -> AuditEvents:
    """Entries, newest first, by page number and in the console's words beside ours. A team is a project.

    Raises:
        BadSince: `since` or `until` is neither a duration nor a time.
    """
    wanted = Wanted(
        kind=action,
        operator=operator,
        actor_id=user_id,
        object_type=resource,
        object_id=resource_id,
        since=_moment(since, work.now),
        until=_moment(until, work.now),
    )
    limit = min(limit, MAX_LIMIT)
    entries: list[Entry] = []
    total = 0
    if team_id is None or team_id == work.project_id:
        entries = rows.page(work.session, work.project_id, wanted, offset=(page - 1) * limit, limit=limit)
        total = rows.count(work.session, work.project_id, wanted)
    return AuditEvents(
        events=[_event(entry) for entry in entries],
        data=[_record(work.project_id, entry) for entry in entries],
        pagination=Pagination.of(page, limit, total),
    )


def payload(work: Work, index: int) -> Any:
    """What stood apart of an entry; None when nothing did."""
    body = rows.payload(work.session, work.project_id, index)
    return None if body is None else orjson.loads(body)


@dataclass(slots=True)
class Walk:
    """How far a verification has come."""

    project_id: str
    index: int = 0
    hash: str = GENESIS
    size: int = 0
    broken: int | None = None
    error: str = ""
    done: bool = False


def verify_stretch(work: Work, walk: Walk, *, limit: int = STRETCH) -> None:
    """Verify the next entries of the chain, in one read. `walk.done` when the head is reached or a fault was found."""
    head = rows.head(work.session, walk.project_id)
    walk.size = max(head.size, walk.size)
    entries = rows.stretch(work.session, walk.project_id, walk.index, limit)
    if (
        walk.index == 0
        and (negative := rows.stretch(work.session, walk.project_id, -(2**62), 1))
        and negative[0].idx < 0
    ):
        return _fail(walk, negative[0].idx, f"entry {negative[0].idx} stands before the first")
    for entry in entries:
        fault = _fault(walk, entry)
        if fault is None and entry.idx >= head.size:
            fault = f"entry {entry.idx} stands beyond the head, which says {head.size} entries"
        if fault is not None:
            return _fail(walk, min(walk.index, entry.idx), fault)
        walk.index, walk.hash = entry.idx + 1, entry.hash
    if len(entries) < limit:
        walk.done = True
        if walk.index < head.size:
            return _fail(walk, walk.index, f"entry {walk.index} is missing; the head says {head.size} entries")
        if rows.count(work.session, walk.project_id) != head.size:  # two of an index, one in each of two stretches
            twice = rows.first_repeated(work.session, walk.project_id) or 0
            return _fail(walk, twice, f"entry {twice} stands twice")
        if walk.hash != head.hash:
            last = max(walk.index - 1, 0)
            return _fail(walk, last, _mismatch(last, head.hash, walk.hash))
    return None


def verification(walk: Walk) -> AuditVerification:
    """The answer, when a walk is done."""
    return AuditVerification(
        valid=walk.broken is None, entry_count=walk.size, first_broken=walk.broken, error=walk.error
    )


def verify(run: Callable[[Callable[[Work], None]], None], project_id: str) -> AuditVerification:
    """Verify a whole chain, stretch by stretch, each in a read of its own: `run` makes the reads.

    The async edge does the same with `await`; see `api/rest/audit.py`.
    """
    walk = Walk(project_id)
    while not walk.done:
        run(lambda work: verify_stretch(work, walk))
    return verification(walk)


def _fault(walk: Walk, entry: Entry) -> str | None:
    """What is wrong with an entry, given all before it."""
    index = walk.index
    if entry.idx < index:
        return f"entry {entry.idx} stands twice"
    if entry.idx != index:
        return f"entry {index} is missing; the next one is {entry.idx}"
    data = entry.leaf.encode()
    digest = hashlib.sha256(b"\0" + data).hexdigest()
    if digest != entry.hash:
        return _mismatch(index, entry.hash, digest)
    try:
        leaf = orjson.loads(data)
        told = (leaf["index"], leaf["prev_hash"], leaf["project"], leaf["time"])
        actor, target, payload_digest = leaf["actor"], leaf["object"], leaf["payload_digest"]
        beside = (rows.kind_of(leaf["action"]), actor["name"], actor["id"], target["type"], target["id"])
    except (ValueError, KeyError, TypeError):
        return f"entry {index} is not a leaf of the audit log"
    if told[1] != walk.hash or entry.prev_hash != walk.hash:
        return _mismatch(index, walk.hash, entry.prev_hash if told[1] == walk.hash else str(told[1]))
    if told != (index, walk.hash, walk.project_id, entry.time):
        return f"entry {index} was written for another place in the log"
    if beside != (entry.kind, entry.operator, entry.actor_id, entry.object_type, entry.object_id):
        return f"the index beside entry {index} does not agree with it"
    found = None if entry.payload is None else sha256(entry.payload.encode())
    if found != payload_digest:
        return f"the payload of entry {index} is not the one it was written with"
    return None


def _fail(walk: Walk, index: int, error: str) -> None:
    walk.broken, walk.error, walk.done = index, error, True


def _mismatch(index: int, expected: str, got: str) -> str:
    return f"hash mismatch at entry {index}: expected {expected[:8]}... got {got[:8]}..."


def _event(entry: Entry) -> AuditEvent:
    leaf = orjson.loads(entry.leaf)
    target = leaf["object"]
    done = "" if leaf["outcome"] == "success" else f" ({leaf['outcome']})"
    return AuditEvent(
        id=entry.hash[:16],
        type=entry.kind,
        operator=entry.operator,
        timestamp=entry.time,
        summary=f"{leaf['action']} {target['type']} {target['id']}".rstrip() + done,
        index=entry.idx,
        outcome=leaf["outcome"],
        object_type=target["type"],
        object_id=target["id"],
        auth=leaf["auth"],
        request_id=leaf["request_id"],
        hash=entry.hash,
    )


def _record(project_id: str, entry: Entry) -> AuditRecord:
    leaf = orjson.loads(entry.leaf)
    return AuditRecord(
        id=entry.hash[:16],
        user_id=entry.actor_id,
        user=entry.operator,
        team_id=project_id,
        action=leaf["action"],
        resource=entry.object_type,
        resource_id=entry.object_id,
        outcome=leaf["outcome"],
        timestamp=entry.time,
    )


def _moment(text: str | None, now: int) -> int | None:
    if text is None:
        return None
    try:
        return max(0, now - parse_duration(text))
    except ValueError:
        pass
    try:
        return from_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise BadSince("a time is a duration back from now (24h) or like 2026-03-13T14:30:00Z") from error


def _canonical(value: Any) -> bytes:
    try:
        return canonical.dumps(value)
    except canonical.NotCanonical as error:
        # Not every number a service may hand over has a canonical form; its text has.
        return canonical.dumps({"text": orjson.dumps(value, default=str).decode(errors="replace"), "note": str(error)})


def _clip(text: str, length: int) -> str:
    """Bounded, without secrets, and a string that has a UTF-8 form."""
    return redact_text(text.encode("utf-8", "replace").decode().replace("\0", "\ufffd"))[:length]

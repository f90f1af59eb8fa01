"""The record of a change: its intent before any ref moves, its outcome after, each with its audit entry."""

from __future__ import annotations

import re
from typing import Final

from api.services.changes.ports import NOWHERE, AlreadyAsked, Change, ChangeNotFound, Prepared
from api.services.work import Actor, Work
from api.storage import changes as rows
from api.storage import users as user_rows
from reconciler.repository.drafts import Author
from schema.changes import ChangeList, ChangeRecord, ChangeState
from schema.ids import sha256

KEPT_PATHS: Final = 200
MAX_SUMMARY: Final = 200
MAX_REASON: Final = 4_000
MAX_KEY: Final = 255
PROPOSALS: Final = "vigo/"
"""What the branches of proposals begin with; none of them is ever tracked."""


def page(work: Work, *, before: str | None = None, limit: int = 50) -> ChangeList:
    """Changes, newest first; with `before`, those made before the one of that id."""
    return ChangeList(changes=rows.page(work.session, work.project_id, before=before, limit=limit))


def get(work: Work, change_id: str) -> ChangeRecord:
    """One change.

    Raises:
        ChangeNotFound
    """
    found = rows.find(work.session, work.project_id, change_id)
    if found is None:
        raise ChangeNotFound("there is no such change")
    return found


def asked_before(work: Work, key: str) -> ChangeRecord | None:
    return rows.find_by_key(work.session, work.project_id, work.actor.id, _kept(key))


def require_same(before: ChangeRecord, change: Change) -> None:
    """Refuse to give out the outcome of one change as that of another.

    Raises:
        AlreadyAsked: the key stands for something else.
    """
    now = (change.kind, _line(change.summary), change.reason[:MAX_REASON])
    if (before.kind, before.summary, before.reason) != now:
        raise AlreadyAsked(f"this idempotency key stands for another change ({before.id}): use a new one")


def begin(work: Work, record: ChangeRecord, key: str) -> ChangeRecord:
    """Put on record what is about to happen."""
    if key and (other := asked_before(work, key)) is not None and other.id != record.id:
        if other.state is not ChangeState.FAILED:
            raise AlreadyAsked(f"change {other.id} is under way under this key")
        rows.release_key(work.session, work.project_id, other.id)
    rows.put(work.session, work.project_id, record, key=_kept(key) or None)
    work.audit(
        "change.begin",
        "change",
        record.id,
        payload={
            "kind": record.kind,
            "summary": record.summary,
            "commit": record.commit,
            "base": record.base,
            "branch": record.branch,
            "paths": record.paths,
            "path_count": record.path_count,
        },
    )
    return record


def end(work: Work, record: ChangeRecord, why: str) -> ChangeRecord:
    """Put on record what came of it: `why` it failed, or that it did not."""
    proposed = record.branch.startswith(PROPOSALS)
    record.state = ChangeState.FAILED if why else ChangeState.PROPOSED if proposed else ChangeState.COMMITTED
    record.message, record.ended_at = (why or record.message)[:MAX_REASON], work.now
    rows.put(work.session, work.project_id, record)
    verb = {ChangeState.FAILED: "fail", ChangeState.PROPOSED: "propose"}.get(record.state, "commit")
    work.audit(
        f"change.{verb}",
        "change",
        record.id,
        outcome="failed" if why else "success",
        payload={"commit": record.commit, "branch": record.branch} | ({"reason": why[:MAX_REASON]} if why else {}),
    )
    work.publish("change.ended", id=record.id, state=record.state.value, commit=record.commit, branch=record.branch)
    return record


def record(change: Change, change_id: str, actor: Actor, author: Author, prepared: Prepared, now: int) -> ChangeRecord:
    return ChangeRecord(
        id=change_id,
        kind=change.kind,
        state=ChangeState.BEGUN,
        summary=_line(change.summary),
        reason=change.reason[:MAX_REASON],
        author=f"{author.name} <{author.email}>",
        actor=actor.name,
        actor_id=actor.id,
        commit=prepared.commit,
        base=prepared.tip,
        branch="",
        paths=list(prepared.paths[:KEPT_PATHS]),
        path_count=len(prepared.paths),
        created_at=now,
    )


def author_of(work: Work) -> Author:
    """Who the caller is to git."""
    actor = work.actor
    user = user_rows.find(work.session, work.project_id, actor.id) if actor.type == "user" else None
    local = re.sub(r"[^a-z0-9._-]+", "-", (user.username if user is not None else actor.name).lower()) or actor.type
    shown = _clean(user.display_name or user.username) if user is not None else _clean(actor.name)
    return Author(shown or local, (_clean(user.email) if user is not None else "") or f"{local}@{NOWHERE}")


def _kept(key: str) -> str:
    """A key as it is stored: no two of them are one."""
    return key if len(key) <= MAX_KEY else sha256(key.encode())


def _clean(text: str) -> str:
    """What a line of a commit can hold."""
    return "".join(char for char in text if char.isprintable() and char not in "<>")[:MAX_SUMMARY].strip()


def _line(text: str) -> str:
    first = text.strip().split("\n", 1)[0]
    return "".join(char for char in first if char.isprintable())[:MAX_SUMMARY].strip() or "Change the configuration"


def message(change: Change, change_id: str, actor: Actor) -> str:
    trailers = f"Vigo-Change-Id: {change_id}\nVigo-Actor: {_clean(actor.id)}"
    reason = change.reason[:MAX_REASON].replace("\0", "").strip()
    return "\n\n".join(part for part in (_line(change.summary), reason, trailers) if part)


def slug(summary: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", summary.lower())[:40].strip("-") or "change"

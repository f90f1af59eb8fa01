"""The ref log: where the tracked ref pointed, as this server saw it, and what became of that."""

from __future__ import annotations

from api.services.work import Work
from api.storage import signers as rows
from schema.revisions import RevisionState
from schema.signers import RefLog, RefResult


def moved(work: Work, ref: str, commit: str) -> bool:
    """Put a move on record; False where the ref was seen at this commit last."""
    return _seen(work, ref, commit, RefResult.WAITING)


def gone(work: Work, ref: str) -> bool:
    """Put on record that the ref is gone; False where that is known, or it was never seen."""
    if rows.last_move(work.session, work.project_id) is None:
        return False
    return _seen(work, ref, "", RefResult.DELETED)


def judged(work: Work, commit: str, state: RevisionState) -> None:
    """Put on record what became of a commit. The audit entry is that of the revision, in the same unit of work."""
    result = RefResult.IN_FORCE if state is RevisionState.SUPERSEDED else RefResult(state.value)
    rows.judged(work.session, work.project_id, commit, result)


def listed(work: Work, *, before: int | None = None, limit: int = 50) -> RefLog:
    """Moves, newest first; with `before`, those of a lower number."""
    moves = rows.moves(work.session, work.project_id, before=before, limit=limit)
    return RefLog(moves=moves, kept=rows.KEPT_MOVES)


def _seen(work: Work, ref: str, commit: str, result: RefResult) -> bool:
    last = rows.last_move(work.session, work.project_id)
    if last is not None and (last.ref, last.new or "") == (ref, commit):
        return False
    old = (last.new or "") if last is not None and last.ref == ref else ""
    number = rows.add_move(work.session, work.project_id, ref, old, commit, seen_at=work.now, result=result)
    payload = {"ref": ref, "old": old or None, "new": commit or None}
    work.audit("ref.delete" if not commit else "ref.move", "ref", str(number), payload=payload)
    return True

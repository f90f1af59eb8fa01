"""Approvals: who stands behind a commit beside whoever signed it; and the override of a branch that was rewound."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel

from api.services.signers import proposals, versions
from api.services.signers.faults import NothingToAccept
from api.services.signers.versions import CHANGED, Hands
from api.services.work import Work
from api.storage import revisions as revision_rows
from api.storage import signers as rows
from schema.ids import Commit
from schema.revisions import RevisionState
from schema.signers import AcceptCommit, Approval, ApprovalAdd, ApprovalList, Changed, ProposalKind

ACCEPTED: Final = "commit.accepted"


class _Accept(BaseModel):
    commit: Commit
    base: Commit
    """In force when it was asked for."""


def approve(work: Work, new: ApprovalAdd) -> Approval:
    """Stand behind a commit, and so behind all that comes with it. Once more changes nothing.

    Whether it counts is judged with the commit: not for whoever signed it or is its author, nor after the account is
    closed.

    Raises:
        NotYours: the actor has no account.
    """
    versions.require_account(work)
    approval = Approval(commit=new.commit, username=work.actor.name, approved_at=work.now, reason=new.reason)
    if not rows.approve(work.session, work.project_id, approval):
        known = rows.approvals(work.session, work.project_id, commits=[new.commit])
        return next(each for each in known if each.username == work.actor.name)
    work.audit("commit.approve", "commit", new.commit, payload={"reason": new.reason})
    work.publish(CHANGED, commit=new.commit)
    return approval


def listed(work: Work, *, commit: str | None = None, limit: int = 50) -> ApprovalList:
    """Approvals, newest first; of one commit where it is given."""
    commits = None if commit is None else [commit]
    return ApprovalList(approvals=rows.approvals(work.session, work.project_id, commits=commits, limit=limit))


def accept(work: Work, new: AcceptCommit) -> Changed:
    """Take a commit although it does not descend from the one in force: once, on top of this one, and no other rule
    less. It counts for the commit that the tracked ref names now and that is kept out for this.

    Raises:
        NothingToAccept: it is not kept out, or not for this.
        TooManySigners: too many proposals wait.
        NotYours: two people are needed, and the actor has no account.
    """
    base = _base(work, new.commit)
    body = _Accept(commit=new.commit, base=base).model_dump_json()
    summary = f"take {new.commit[:12]}, which does not descend from {base[:12]}"
    return proposals.change(work, ProposalKind.ACCEPT, summary, body, new.reason, apply_accept)


def apply_accept(work: Work, body: str, hands: Hands, reason: str) -> int:
    """Record the override; the loop is told of it.

    Raises:
        NothingToAccept: as `accept`, or another commit came into force since.
    """
    wanted = _Accept.model_validate_json(body)
    if _base(work, wanted.commit) != wanted.base:
        raise NothingToAccept("another commit came into force since this was proposed")
    one = rows.Accept(wanted.commit, wanted.base)
    by = f"{hands.by}, {hands.confirmed_by}" if hands.confirmed_by else hands.by
    rows.accept(work.session, work.project_id, one, now=work.now, by=by, reason=reason)
    payload = {"base": wanted.base, "reason": reason, "confirmed_by": hands.confirmed_by}
    work.audit("config.accept", "commit", wanted.commit, payload=payload)
    work.publish(ACCEPTED, commit=wanted.commit)
    return rows.version(work.session, work.project_id)


def accepted(work: Work) -> str | None:
    """The commit that is to be taken on top of the one in force although it does not descend from it."""
    current = revision_rows.in_force(work.session, work.project_id)
    last = rows.last_accept(work.session, work.project_id)
    return last.commit if last is not None and current is not None and last.base == current.commit else None


def _base(work: Work, commit: str) -> str:
    newest = revision_rows.newest(work.session, work.project_id)
    current = revision_rows.in_force(work.session, work.project_id)
    if current is None or newest is None or (newest.commit, newest.state) != (commit, RevisionState.DIVERGED):
        raise NothingToAccept("only a commit that the tracked branch names, and whose state is `diverged`, is accepted")
    return current.commit

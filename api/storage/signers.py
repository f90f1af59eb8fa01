"""Signers: tables and repository. Keys, versions of the policy, proposals, approvals, overrides, and the ref log."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field, Session, col, delete, func, select, update

from api.storage.rows import MAX_PAGE, ProjectRow, big, micros, text
from schema.signers import (
    Approval,
    Policy,
    PolicyVersion,
    Proposal,
    ProposalKind,
    ProposalState,
    RefMove,
    RefResult,
    Signer,
    SignerKind,
)
from schema.time import Instant

KEPT_MOVES: Final = 10_000
KEPT_APPROVALS: Final = 10_000
KEPT_PROPOSALS: Final = 1_000
KEPT_ACCEPTS: Final = 1_000


class SignerRow(ProjectRow, table=True):
    """One key."""

    __tablename__ = "signers"
    __table_args__ = (
        UniqueConstraint("project_id", "fingerprint"),
        CheckConstraint("kind IN ('ssh', 'gpg')", name="kind"),
    )

    id: str = Field(primary_key=True, max_length=36)
    principal: str = Field(max_length=320)
    kind: str = Field(max_length=8)
    fingerprint: str = Field(max_length=64)
    key: str = text(nullable=False)
    username: str = Field(max_length=64)
    valid_after: int | None = micros(nullable=True, default=None)
    valid_before: int | None = micros(nullable=True, default=None)
    added_at: int = micros()
    added_by: str = text(nullable=False)
    revoked_at: int | None = micros(nullable=True, default=None)
    revoked_by: str = text(nullable=False)
    revoked_reason: str = text(nullable=False)


class SignerVersionRow(ProjectRow, table=True):
    """What was in force from one change of the policy or the keys to the next. Versions only grow."""

    __tablename__ = "signer_versions"

    project_id: str = Field(foreign_key="projects.id", primary_key=True, max_length=36)
    version: int = big(primary_key=True)
    policy: str = text(nullable=False)
    policy_version: int = big(nullable=False)
    """The version in which this policy came: later ones changed keys."""
    summary: str = text(nullable=False)
    changed_at: int = micros()
    changed_by: str = text(nullable=False)
    confirmed_by: str = text(nullable=False)
    reason: str = text(nullable=False)


class SignerProposalRow(ProjectRow, table=True):
    """One change that needs a second person."""

    __tablename__ = "signer_proposals"
    __table_args__ = (
        CheckConstraint("kind IN ('policy', 'signers', 'accept')", name="kind"),
        CheckConstraint("state IN ('waiting', 'confirmed', 'withdrawn')", name="state"),
        Index(None, "project_id", "state"),
    )

    id: str = Field(primary_key=True, max_length=36)
    kind: str = Field(max_length=16)
    summary: str = text(nullable=False)
    body: str = text(nullable=False)
    reason: str = text(nullable=False)
    state: str = Field(max_length=16)
    proposed_at: int = micros()
    proposed_by: str = text(nullable=False)
    expires_at: int = micros()
    decided_at: int | None = micros(nullable=True, default=None)
    decided_by: str = text(nullable=False)


class SignerApprovalRow(ProjectRow, table=True):
    """Somebody stands behind a commit."""

    __tablename__ = "signer_approvals"
    __table_args__ = (Index(None, "project_id", "approved_at"),)

    project_id: str = Field(foreign_key="projects.id", primary_key=True, max_length=36)
    commit_id: str = Field(primary_key=True, max_length=64)
    username: str = Field(primary_key=True, max_length=64)
    approved_at: int = micros()
    reason: str = text(nullable=False)


class SignerAcceptRow(ProjectRow, table=True):
    """One override: a commit taken although it does not descend from the one that was in force then."""

    __tablename__ = "signer_accepts"

    project_id: str = Field(foreign_key="projects.id", primary_key=True, max_length=36)
    number: int = big(primary_key=True)
    commit_id: str = Field(max_length=64)
    base_id: str = Field(max_length=64)
    accepted_at: int = micros()
    accepted_by: str = text(nullable=False)
    reason: str = text(nullable=False)


class SignerRefRow(ProjectRow, table=True):
    """One move of the tracked ref."""

    __tablename__ = "signer_refs"
    __table_args__ = (Index(None, "project_id", "new_id"),)

    project_id: str = Field(foreign_key="projects.id", primary_key=True, max_length=36)
    number: int = big(primary_key=True)
    ref: str = Field(max_length=255)
    old_id: str = Field(max_length=64)
    new_id: str = Field(max_length=64)
    seen_at: int = micros()
    result: str = Field(max_length=16)


class Accept(NamedTuple):
    """An override."""

    commit: str
    base: str


# Keys.


def signers(session: Session, project_id: str) -> list[Signer]:
    """All keys, by principal and fingerprint."""
    query = select(SignerRow).where(SignerRow.project_id == project_id)
    rows = session.exec(query.order_by(col(SignerRow.principal), col(SignerRow.fingerprint)).limit(MAX_PAGE))
    return [_signer(row) for row in rows]


def find(session: Session, project_id: str, signer_id: str) -> Signer | None:
    """The key of this id."""
    row = session.exec(select(SignerRow).where(SignerRow.project_id == project_id, SignerRow.id == signer_id)).first()
    return None if row is None else _signer(row)


def put(session: Session, project_id: str, signer: Signer) -> None:
    """Store a key, in place of what stood under its id."""
    session.merge(
        SignerRow(project_id=project_id, **(signer.model_dump() | {"kind": signer.kind.value})),
    )
    session.flush()


# The policy.


def version(session: Session, project_id: str) -> int:
    """Of the policy and the keys together; 0 before the first change."""
    query = select(func.max(SignerVersionRow.version)).where(SignerVersionRow.project_id == project_id)
    return session.exec(query).one() or 0


def policy(session: Session, project_id: str) -> PolicyVersion:
    """The policy in force, under the version in which it came."""
    query = select(SignerVersionRow).where(SignerVersionRow.project_id == project_id)
    newest = session.exec(query.order_by(col(SignerVersionRow.version).desc()).limit(1)).first()
    row = session.get(SignerVersionRow, (project_id, newest.policy_version)) if newest is not None else None
    if row is None:
        return PolicyVersion(version=0, policy=Policy())
    return PolicyVersion(
        version=row.version,
        policy=Policy.model_validate_json(row.policy),
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        confirmed_by=row.confirmed_by,
        reason=row.reason,
    )


def add_version(
    session: Session,
    project_id: str,
    policy_now: Policy,
    policy_version: int | None,
    *,
    summary: str,
    changed_at: Instant,
    changed_by: str,
    confirmed_by: str,
    reason: str,
) -> int:
    """Begin the next version; its number.

    Args:
        policy_version: in which the policy came; None for this one.
    """
    number = version(session, project_id) + 1
    session.add(
        SignerVersionRow(
            project_id=project_id,
            version=number,
            policy=policy_now.model_dump_json() if policy_version is None else "",
            policy_version=number if policy_version is None else policy_version,
            summary=summary,
            changed_at=changed_at,
            changed_by=changed_by,
            confirmed_by=confirmed_by,
            reason=reason,
        )
    )
    session.flush()
    return number


# Proposals.


def add_proposal(session: Session, project_id: str, proposal: Proposal) -> None:
    """Store a proposal, and drop the oldest decided ones beyond `KEPT_PROPOSALS`."""
    session.add(SignerProposalRow(project_id=project_id, **proposal.model_dump()))
    session.flush()
    query = select(SignerProposalRow.id).where(
        SignerProposalRow.project_id == project_id, SignerProposalRow.state != ProposalState.WAITING.value
    )
    old = list(session.exec(query.order_by(col(SignerProposalRow.id).desc()).offset(KEPT_PROPOSALS)))
    if old:
        session.exec(delete(SignerProposalRow).where(col(SignerProposalRow.id).in_(old[:MAX_PAGE])))


def find_proposal(session: Session, project_id: str, proposal_id: str) -> Proposal | None:
    """The proposal of this id."""
    query = select(SignerProposalRow).where(
        SignerProposalRow.project_id == project_id, SignerProposalRow.id == proposal_id
    )
    row = session.exec(query).first()
    return None if row is None else _proposal(row)


def decide(
    session: Session, project_id: str, proposal_id: str, state: ProposalState, *, decided_at: Instant, decided_by: str
) -> None:
    """A proposal waits no longer."""
    session.exec(
        update(SignerProposalRow)
        .where(col(SignerProposalRow.project_id) == project_id, col(SignerProposalRow.id) == proposal_id)
        .values(state=state.value, decided_at=decided_at, decided_by=decided_by)
    )


def proposals(session: Session, project_id: str, *, limit: int) -> list[Proposal]:
    """Proposals, newest first."""
    query = select(SignerProposalRow).where(SignerProposalRow.project_id == project_id)
    rows = session.exec(query.order_by(col(SignerProposalRow.id).desc()).limit(min(limit, MAX_PAGE)))
    return [_proposal(row) for row in rows]


def count_waiting(session: Session, project_id: str, *, now: Instant) -> int:
    """How many proposals may still be confirmed."""
    query = select(func.count()).select_from(SignerProposalRow)
    return session.exec(
        query.where(
            SignerProposalRow.project_id == project_id,
            SignerProposalRow.state == ProposalState.WAITING.value,
            SignerProposalRow.expires_at > now,
        )
    ).one()


# Approvals and overrides.


def approve(session: Session, project_id: str, approval: Approval) -> bool:
    """Store an approval, and drop the oldest beyond `KEPT_APPROVALS`; False when it is there already."""
    if session.get(SignerApprovalRow, (project_id, approval.commit, approval.username)) is not None:
        return False
    values = approval.model_dump(exclude={"commit"})
    session.add(SignerApprovalRow(project_id=project_id, commit_id=approval.commit, **values))
    session.flush()
    query = select(SignerApprovalRow.approved_at).where(SignerApprovalRow.project_id == project_id)
    edge = session.exec(query.order_by(col(SignerApprovalRow.approved_at).desc()).offset(KEPT_APPROVALS)).first()
    if edge is not None:
        session.exec(
            delete(SignerApprovalRow).where(
                col(SignerApprovalRow.project_id) == project_id, col(SignerApprovalRow.approved_at) <= edge
            )
        )
    return True


def approvals(
    session: Session, project_id: str, *, commits: Collection[str] | None = None, limit: int = MAX_PAGE
) -> list[Approval]:
    """Approvals, newest first; of these commits alone where they are given."""
    query = select(SignerApprovalRow).where(SignerApprovalRow.project_id == project_id)
    if commits is not None:
        query = query.where(col(SignerApprovalRow.commit_id).in_(sorted(commits)))
    query = query.order_by(col(SignerApprovalRow.approved_at).desc(), col(SignerApprovalRow.username))
    return [
        Approval(commit=row.commit_id, username=row.username, approved_at=row.approved_at, reason=row.reason)
        for row in session.exec(query.limit(min(limit, MAX_PAGE)))
    ]


def accept(session: Session, project_id: str, one: Accept, *, now: Instant, by: str, reason: str) -> None:
    """Store an override, and drop the oldest beyond `KEPT_ACCEPTS`."""
    last = select(func.max(SignerAcceptRow.number)).where(SignerAcceptRow.project_id == project_id)
    number = (session.exec(last).one() or 0) + 1
    session.add(
        SignerAcceptRow(
            project_id=project_id,
            number=number,
            commit_id=one.commit,
            base_id=one.base,
            accepted_at=now,
            accepted_by=by,
            reason=reason,
        )
    )
    session.flush()
    session.exec(
        delete(SignerAcceptRow).where(
            col(SignerAcceptRow.project_id) == project_id, col(SignerAcceptRow.number) <= number - KEPT_ACCEPTS
        )
    )


def last_accept(session: Session, project_id: str) -> Accept | None:
    """The newest override."""
    query = select(SignerAcceptRow).where(SignerAcceptRow.project_id == project_id)
    row = session.exec(query.order_by(col(SignerAcceptRow.number).desc()).limit(1)).first()
    return None if row is None else Accept(row.commit_id, row.base_id)


# The ref log.


def add_move(
    session: Session, project_id: str, ref: str, old: str, new: str, *, seen_at: Instant, result: RefResult
) -> int:
    """Store a move, its number; the one before is passed over where it was still to be judged. Drops the oldest."""
    last = select(func.max(SignerRefRow.number)).where(SignerRefRow.project_id == project_id)
    number = (session.exec(last).one() or 0) + 1
    before = last_move(session, project_id)
    if before is not None and before.result is RefResult.WAITING:
        _settle(session, project_id, before.number, RefResult.PASSED_OVER)
    session.add(
        SignerRefRow(
            project_id=project_id,
            number=number,
            ref=ref[:255],
            old_id=old,
            new_id=new,
            seen_at=seen_at,
            result=result.value,
        )
    )
    session.flush()
    session.exec(
        delete(SignerRefRow).where(
            col(SignerRefRow.project_id) == project_id, col(SignerRefRow.number) <= number - KEPT_MOVES
        )
    )
    return number


def last_move(session: Session, project_id: str) -> RefMove | None:
    """The newest move."""
    found = moves(session, project_id, limit=1)
    return found[0] if found else None


def moves(session: Session, project_id: str, *, before: int | None = None, limit: int) -> list[RefMove]:
    """Moves, newest first; with `before`, those of a lower number."""
    query = select(SignerRefRow).where(SignerRefRow.project_id == project_id)
    if before is not None:
        query = query.where(SignerRefRow.number < before)
    rows = session.exec(query.order_by(col(SignerRefRow.number).desc()).limit(min(limit, MAX_PAGE)))
    return [_move(row) for row in rows]


def judged(session: Session, project_id: str, commit: str, result: RefResult) -> None:
    """What became of a commit, at the last move to it."""
    query = select(func.max(SignerRefRow.number)).where(
        SignerRefRow.project_id == project_id, SignerRefRow.new_id == commit
    )
    number = session.exec(query).one()
    if number is not None:
        _settle(session, project_id, number, result)


def first_seen(session: Session, project_id: str, commits: Sequence[str]) -> dict[str, Instant]:
    """When the ref first named each of some commits, at most `MAX_PAGE` of them."""
    query = (
        select(SignerRefRow.new_id, func.min(SignerRefRow.seen_at))
        .where(SignerRefRow.project_id == project_id, col(SignerRefRow.new_id).in_(list(commits)[:MAX_PAGE]))
        .group_by(col(SignerRefRow.new_id))
    )
    return dict(session.exec(query).all())


def _settle(session: Session, project_id: str, number: int, result: RefResult) -> None:
    session.exec(
        update(SignerRefRow)
        .where(col(SignerRefRow.project_id) == project_id, col(SignerRefRow.number) == number)
        .values(result=result.value)
    )


def _signer(row: SignerRow) -> Signer:
    return Signer(**(row.model_dump(exclude={"project_id"}) | {"kind": SignerKind(row.kind)}))


def _proposal(row: SignerProposalRow) -> Proposal:
    known = {"kind": ProposalKind(row.kind), "state": ProposalState(row.state)}
    return Proposal(**(row.model_dump(exclude={"project_id"}) | known))


def _move(row: SignerRefRow) -> RefMove:
    return RefMove(
        number=row.number,
        ref=row.ref,
        old=row.old_id or None,
        new=row.new_id or None,
        seen_at=row.seen_at,
        result=RefResult(row.result),
    )

"""Proposals: what one person asks for and another confirms, while two are needed; else it is done at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from api.services.signers import versions
from api.services.signers.faults import AlreadyDecided, ProposalNotFound, TooManySigners
from api.services.signers.versions import Hands
from api.services.work import Work
from api.storage import signers as rows
from schema.ids import new_id
from schema.signers import Changed, Proposal, ProposalKind, ProposalList, ProposalState
from schema.time import DAY

LIFE: Final = 7 * DAY
"""Microseconds that a proposal may be confirmed for."""
MAX_WAITING: Final = 50

Apply = Callable[[Work, str, Hands, str], int]
"""Body and reason of a change → the version that it makes."""


def change(work: Work, kind: ProposalKind, summary: str, body: str, reason: str, apply: Apply) -> Changed:
    """Do it now, or propose it, where a second person is needed.

    Raises:
        NotYours: one is, and the actor has no account. TooManySigners: too many proposals wait.
        Fault: of `apply`.
    """
    if not versions.needs_two(work):
        return Changed(status="done", version=apply(work, body, Hands(work.actor.name), reason))
    versions.require_account(work)
    if rows.count_waiting(work.session, work.project_id, now=work.now) >= MAX_WAITING:
        raise TooManySigners(f"{MAX_WAITING} proposals wait already")
    proposal = Proposal(
        id=new_id(),
        kind=kind,
        summary=summary,
        body=body,
        reason=reason,
        state=ProposalState.WAITING,
        proposed_at=work.now,
        proposed_by=work.actor.name,
        expires_at=work.now + LIFE,
    )
    rows.add_proposal(work.session, work.project_id, proposal)
    work.audit("proposal.create", "proposal", proposal.id, payload={"kind": kind, "summary": summary, "reason": reason})
    return Changed(status="proposed", version=rows.version(work.session, work.project_id), proposal=proposal)


def listed(work: Work, *, limit: int = 50) -> ProposalList:
    """Proposals, newest first: those that wait, and what became of others."""
    return ProposalList(proposals=rows.proposals(work.session, work.project_id, limit=limit))


def withdraw(work: Work, proposal_id: str) -> None:
    """Let a proposal go, one's own or another's.

    Raises:
        ProposalNotFound, AlreadyDecided
    """
    decide(work, waiting(work, proposal_id), ProposalState.WITHDRAWN, "proposal.withdraw")


def waiting(work: Work, proposal_id: str) -> Proposal:
    """A proposal that may still be decided.

    Raises:
        ProposalNotFound, AlreadyDecided
    """
    proposal = rows.find_proposal(work.session, work.project_id, proposal_id)
    if proposal is None:
        raise ProposalNotFound("there is no such proposal")
    if proposal.state is not ProposalState.WAITING:
        raise AlreadyDecided(f"this proposal is {proposal.state} already")
    if proposal.expires_at <= work.now:
        raise AlreadyDecided("this proposal's time is over; propose it again")
    return proposal


def decide(work: Work, proposal: Proposal, state: ProposalState, action: str) -> None:
    """A proposal waits no longer."""
    rows.decide(work.session, work.project_id, proposal.id, state, decided_at=work.now, decided_by=work.actor.name)
    payload = {"kind": proposal.kind, "summary": proposal.summary, "proposed_by": proposal.proposed_by}
    work.audit(action, "proposal", proposal.id, payload=payload)

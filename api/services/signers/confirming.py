"""Confirming: the second person, and what is done then. Who proposed it never confirms it."""

from __future__ import annotations

from typing import Final

from api.services.signers import approvals, keys, policies, proposals, versions
from api.services.signers.faults import NotYours
from api.services.signers.proposals import Apply
from api.services.signers.versions import Hands
from api.services.work import Work
from schema.signers import Changed, ProposalKind, ProposalState

_APPLY: Final[dict[ProposalKind, Apply]] = {
    ProposalKind.POLICY: policies.apply,
    ProposalKind.SIGNERS: keys.apply,
    ProposalKind.ACCEPT: approvals.apply_accept,
}


def confirm(work: Work, proposal_id: str) -> Changed:
    """Put a proposal of somebody else into effect.

    Raises:
        ProposalNotFound, AlreadyDecided
        NotYours: it is the actor's own, or the actor has no account.
        BadSigner, KeyRevoked, TooManySigners, PolicyMoved, NothingToAccept: it cannot be done any more.
    """
    proposal = proposals.waiting(work, proposal_id)
    versions.require_account(work)
    if proposal.proposed_by == work.actor.name:
        raise NotYours("you proposed this yourself: it takes somebody else to confirm it")
    hands = Hands(proposal.proposed_by, work.actor.name)
    version = _APPLY[proposal.kind](work, proposal.body, hands, proposal.reason)
    proposals.decide(work, proposal, ProposalState.CONFIRMED, "proposal.confirm")
    return Changed(status="done", version=version)

"""Signers over REST: keys, the policy, who agreed, the override, and the ref log."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.http.areas import Area, Call
from api.services import revisions, signers
from api.services.signers import approvals, confirming, judging, keys, policies, proposals, refs
from api.services.work import Work
from reconciler.repository.faults import RepositoryDamaged, RevisionNotFound, TreeRefused
from reconciler.repository.signatures.allowed import AllowedSignersRefused
from schema.access import Permission
from schema.ids import Commit
from schema.signers import (
    AcceptCommit,
    Approval,
    ApprovalAdd,
    ApprovalList,
    Because,
    Changed,
    Judgement,
    PolicyUpdate,
    PolicyVersion,
    ProposalList,
    RefLog,
    Signer,
    SignerAdd,
    SignerList,
    SignersImport,
)

area = Area("signers")

Limit = Annotated[int, Field(ge=1, le=200)]

_ADDING = [signers.BadSigner, signers.KeyRevoked, signers.TooManySigners, signers.NotYours]


@area("GET", "/api/v1/signers", Permission.FLEET_READ)
def list_signers(work: Work) -> SignerList:
    """Whose keys count for commits, those that are revoked too."""
    return keys.listed(work)


@area("POST", "/api/v1/signers", Permission.ADMIN, raises=_ADDING, also=[202])
async def add_signer(call: Call, signer: SignerAdd) -> Changed:
    """Let a key count, or say something else of one that does.

    While two people are needed, 202: it waits for another to confirm it.
    """
    return _answered(call, await call.write(lambda work: keys.add(work, signer)))


@area("POST", "/api/v1/signers/import", Permission.ADMIN, raises=[AllowedSignersRefused, *_ADDING], also=[202])
async def import_signers(call: Call, file: SignersImport) -> Changed:
    """Let the keys of an OpenSSH file of allowed signers count: all of them, or none."""
    return _answered(call, await call.write(lambda work: keys.import_file(work, file)))


@area(
    "PUT",
    "/api/v1/signers/keys/{signer_id}/revocation",
    Permission.ADMIN,
    raises=[signers.SignerNotFound, signers.KeyRevoked],
)
def revoke_signer(work: Work, signer_id: str, because: Because) -> Signer:
    """Let a key count for nothing any more that is not in force yet. One person does this, and nobody takes it back.

    Args:
        signer_id: of the key.
    """
    return keys.revoke(work, signer_id, because)


@area("GET", "/api/v1/signers/policy", Permission.FLEET_READ)
def get_policy(work: Work) -> PolicyVersion:
    """What commits need before they come into force. Version 0: nothing."""
    return policies.current(work)


@area(
    "PUT",
    "/api/v1/signers/policy",
    Permission.ADMIN,
    raises=[signers.PolicyMoved, signers.TooManySigners, signers.NotYours],
    also=[202],
)
async def replace_policy(call: Call, update: PolicyUpdate) -> Changed:
    """Put another policy in place of the one in force, whole. While two people are needed, 202."""
    return _answered(call, await call.write(lambda work: policies.replace(work, update)))


@area("GET", "/api/v1/signers/proposals", Permission.FLEET_READ)
def list_proposals(work: Work, limit: Limit = 50) -> ProposalList:
    """What waits for a second person, and what became of others, newest first.

    Args:
        limit: how many at most.
    """
    return proposals.listed(work, limit=limit)


@area(
    "PUT",
    "/api/v1/signers/proposals/{proposal_id}/confirmation",
    Permission.ADMIN,
    raises=[
        signers.ProposalNotFound,
        signers.AlreadyDecided,
        signers.PolicyMoved,
        signers.NothingToAccept,
        *_ADDING,
    ],
)
def confirm_proposal(work: Work, proposal_id: str) -> Changed:
    """Put what somebody else proposed into effect.

    Args:
        proposal_id: of the proposal.
    """
    return confirming.confirm(work, proposal_id)


@area(
    "DELETE",
    "/api/v1/signers/proposals/{proposal_id}",
    Permission.ADMIN,
    raises=[signers.ProposalNotFound, signers.AlreadyDecided],
    status=204,
)
def withdraw_proposal(work: Work, proposal_id: str) -> None:
    """Let a proposal go.

    Args:
        proposal_id: of the proposal.
    """
    proposals.withdraw(work, proposal_id)


@area("GET", "/api/v1/signers/approvals", Permission.FLEET_READ)
def list_approvals(work: Work, commit: Commit | None = None, limit: Limit = 50) -> ApprovalList:
    """Who stands behind which commit, newest first.

    Args:
        commit: only of this commit.
        limit: how many at most.
    """
    return approvals.listed(work, commit=commit, limit=limit)


@area("POST", "/api/v1/signers/approvals", Permission.CONFIG_PUBLISH, raises=[signers.NotYours])
def approve_commit(work: Work, approval: ApprovalAdd) -> Approval:
    """Stand behind a commit, and so behind all that it brings. It does not count for whoever made it."""
    return approvals.approve(work, approval)


@area(
    "GET",
    "/api/v1/signers/commits/{commit}",
    Permission.FLEET_READ,
    raises=[signers.CommitUnknown, revisions.NoRepository, RevisionNotFound, RepositoryDamaged, TreeRefused],
)
async def judge_commit(call: Call, commit: str) -> Judgement:
    """What a commit would still need, on top of the one in force.

    Args:
        commit: its whole id.
    """
    return await judging.judgement(call.app, commit)


@area("GET", "/api/v1/signers/log", Permission.FLEET_READ)
def list_ref_moves(work: Work, before: int | None = None, limit: Limit = 50) -> RefLog:
    """Where the tracked ref was seen, and what became of that; newest first, with `before` those of a lower number.

    Args:
        before: a number: those of a lower one.
        limit: how many at most.
    """
    return refs.listed(work, before=before, limit=limit)


@area(
    "POST",
    "/api/v1/config/accept",
    Permission.ADMIN,
    raises=[signers.NothingToAccept, signers.TooManySigners, signers.NotYours],
    also=[202],
)
async def accept_commit(call: Call, accept: AcceptCommit) -> Changed:
    """Take the commit that the tracked ref names although it does not descend from the one in force.

    Once, on top of this one, and it has to satisfy the policy all the same. While two people are needed, 202.
    """
    return _answered(call, await call.write(lambda work: approvals.accept(work, accept)))


def _answered(call: Call, changed: Changed) -> Changed:
    if changed.status == "proposed":
        call.status = 202
    return changed

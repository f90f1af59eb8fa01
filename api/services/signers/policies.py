"""The policy: what commits need before they come into force. One at a time, whole, each a new version."""

from __future__ import annotations

from pydantic import BaseModel

from api.services.signers import proposals, versions
from api.services.signers.faults import PolicyMoved
from api.services.signers.versions import Hands
from api.services.work import Work
from api.storage import signers as rows
from schema.signers import Changed, Policy, PolicyUpdate, PolicyVersion, ProposalKind


class _Body(BaseModel):
    policy: Policy
    follows: int
    """The version of the policy that it was written against."""


def current(work: Work) -> PolicyVersion:
    """The policy in force; without one, signatures are not required."""
    return rows.policy(work.session, work.project_id)


def replace(work: Work, update: PolicyUpdate) -> Changed:
    """Put another policy in place of the one in force.

    Raises:
        PolicyMoved: it follows another than the one in force.
        TooManySigners: too many proposals wait.
        NotYours: two people are needed, and the actor has no account.
    """
    before = current(work)
    if update.version is not None and update.version != before.version:
        raise PolicyMoved(
            f"the policy in force is version {before.version}, not {update.version}", version=before.version
        )
    if update.policy == before.policy:
        return Changed(status="unchanged", version=rows.version(work.session, work.project_id))
    body = _Body(policy=update.policy, follows=before.version).model_dump_json()
    summary = "; ".join(_differences(before.policy, update.policy))
    return proposals.change(work, ProposalKind.POLICY, summary, body, update.reason, apply)


def apply(work: Work, body: str, hands: Hands, reason: str) -> int:
    """Put in force what was proposed, or is done at once.

    Raises:
        PolicyMoved: another policy came into force since it was proposed.
    """
    wanted = _Body.model_validate_json(body)
    before = current(work)
    if wanted.follows != before.version:
        raise PolicyMoved("the policy has changed since this was proposed; propose it again", version=before.version)
    summary = "; ".join(_differences(before.policy, wanted.policy))
    version = versions.advance(work, hands, summary, reason, wanted.policy)
    payload = {
        "version": version,
        "before": before.policy.model_dump(mode="json"),
        "policy": wanted.policy.model_dump(mode="json"),
        "confirmed_by": hands.confirmed_by,
        "reason": reason,
    }
    work.audit("policy.change", "policy", str(version), payload=payload)
    return version


def _differences(before: Policy, after: Policy) -> list[str]:
    words = []
    if before.required != after.required:
        words.append("every commit has to be signed" if after.required else "unsigned commits are taken")
    if before.rules != after.rules:
        words.append(f"{len(after.rules)} rules instead of {len(before.rules)}")
    if before.two_person != after.two_person:
        paths = ", ".join(after.two_person[:5]) or "nothing"
        words.append(f"two people for {paths}")
    if before.exempt != after.exempt:
        words.append(f"{len(after.exempt)} commits are exempt")
    return words

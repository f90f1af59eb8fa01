"""Approval: whether people have approved the plan that a target is of. Pure, and asked only on a pinned host.

What is in force already needs no approval again: a renewal names the same catalog, and so the same files and resources.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from schema import canonical
from schema.protocol.desired import Assignment
from schema.protocol.messages import Target
from schema.protocol.plans import NotProven, PlanApproval, check
from schema.protocol.signing import BadSignature, Domain, verify

MAX_STATEMENT_BYTES: Final = 64 * 1024


def lacking(target: Target, assignment: Assignment, signing: Ed25519PublicKey, now: int) -> str:
    """Why a target is not one of an approved plan; empty where it is.

    Args:
        assignment: of the target, verified and for this envoy.
        signing: whose word an approval is.
        now: wall time, microseconds.
    """
    approved = target.approved
    if approved is None:
        return "this host takes approved plans alone, and no approval came with it"
    try:
        if len(approved.statement.body.encode()) > MAX_STATEMENT_BYTES:
            return f"an approval of more than {MAX_STATEMENT_BYTES} bytes"
        body = verify(signing, Domain.APPROVAL, approved.statement)
        statement = PlanApproval.model_validate(canonical.loads(body), strict=True)
    except (BadSignature, canonical.NotCanonical, OverflowError, UnicodeError) as error:
        return f"its approval: {error}"
    except ValidationError as error:
        return f"its approval has a form that is not known: {error.error_count()} complaints"
    if statement.project != assignment.project:
        return f"the approval is for project {statement.project}"
    if (statement.commit, statement.plan_root) != (assignment.commit, assignment.plan_root):
        return f"the approval is of another plan, that of {statement.commit[:12]}"
    if now >= statement.expires:
        return f"the approval expired {(now - statement.expires) / 1e6:.0f} s ago by this clock"
    try:
        check(approved.proof, assignment.plan_root, assignment.catalog_sha256)
    except NotProven as error:
        return str(error)
    return ""

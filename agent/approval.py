"""Approval: whether people have approved the plan that a target, or the command of a health check, is of. Pure, and
asked only on a pinned host.

What is in force already needs no approval again: a renewal names the same catalog, and so the same files and resources.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from schema import canonical
from schema.protocol.desired import Assignment
from schema.protocol.plans import NotProven, PlanApproval, check
from schema.protocol.signing import BadSignature, Domain, Signed, verify
from schema.protocol.targets import Target

if TYPE_CHECKING:
    from schema.protocol.probes import ProbeOrder

MAX_STATEMENT_BYTES: Final = 64 * 1024


def lacking(target: Target, assignment: Assignment, signing: Ed25519PublicKey, now: int) -> str:
    """Why a target is not one of an approved plan; empty where it is.

    Args:
        assignment: of the target, verified and for this envoy.
        signing: whose word an approval is.
        now: wall time, microseconds.
    """
    approved = target.approved
    try:
        statement = _stated(approved.statement if approved is not None else None, assignment.project, signing, now)
        if (statement.commit, statement.plan_root) != (assignment.commit, assignment.plan_root):
            return f"the approval is of another plan, that of {statement.commit[:12]}"
        assert approved is not None
        check(approved.proof, assignment.plan_root, assignment.catalog_sha256)
    except (_NoWord, NotProven) as error:
        return str(error)
    return ""


def lacking_of(order: ProbeOrder, signed: Signed | None, signing: Ed25519PublicKey, now: int) -> str:
    """Why the command of a health check is not one of an approved plan; empty where it is.

    Args:
        order: verified and for this envoy.
        signed: the approval that came with it.
    """
    try:
        statement = _stated(signed, order.project, signing, now)
    except _NoWord as error:
        return str(error)
    if statement.commit != order.commit:
        return f"the approval is of another plan, that of {statement.commit[:12]}"
    return "" if order.digest in statement.commands else "the plan that was approved does not run this command"


class _NoWord(Exception):
    """It is no approval, and why."""


def _stated(signed: Signed | None, project: str, signing: Ed25519PublicKey, now: int) -> PlanApproval:
    """What an approval says, if it is one and still counts.

    Raises:
        _NoWord: it does not.
    """
    if signed is None:
        raise _NoWord("this host takes approved plans alone, and no approval came with it")
    try:
        if len(signed.body.encode()) > MAX_STATEMENT_BYTES:
            raise _NoWord(f"an approval of more than {MAX_STATEMENT_BYTES} bytes")
        statement = PlanApproval.model_validate(canonical.loads(verify(signing, Domain.APPROVAL, signed)), strict=True)
    except (BadSignature, canonical.NotCanonical, OverflowError, UnicodeError) as error:
        raise _NoWord(f"its approval: {error}") from error
    except ValidationError as error:
        raise _NoWord(f"its approval has a form that is not known: {error.error_count()} complaints") from error
    if statement.project != project:
        raise _NoWord(f"the approval is for project {statement.project}")
    if now >= statement.expires:
        raise _NoWord(f"the approval expired {(now - statement.expires) / 1e6:.0f} s ago by this clock")
    return statement

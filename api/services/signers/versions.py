"""Versions: one number for the policy and the keys together, one more with each change; and who makes a change."""

from __future__ import annotations

from typing import Final, NamedTuple

from api.services.signers.faults import NotYours
from api.services.work import Work
from api.storage import signers as rows
from schema.signers import Policy

CHANGED: Final = "signer.changed"
"""What is announced when commits may be judged otherwise: of a key, the policy, an approval."""


class Hands(NamedTuple):
    """Who changes something, and the second person where there was one."""

    by: str
    confirmed_by: str = ""


def needs_two(work: Work) -> bool:
    """Whether a change here needs a second person."""
    return rows.policy(work.session, work.project_id).policy.takes_two


def require_account(work: Work) -> None:
    """Go on only for somebody with an account: of anybody else it is not known who they are.

    Raises:
        NotYours: the command line of the server's own host, an agent, a part of the server.
    """
    if work.actor.type != "user":
        raise NotYours("this needs somebody with an account: log in, or use a token of yours")


def advance(work: Work, hands: Hands, summary: str, reason: str, policy: Policy | None = None) -> int:
    """Begin the next version, with another policy or with the one there is; its number."""
    before = rows.policy(work.session, work.project_id)
    number = rows.add_version(
        work.session,
        work.project_id,
        policy if policy is not None else before.policy,
        None if policy is not None or before.version == 0 else before.version,
        summary=summary,
        changed_at=work.now,
        changed_by=hands.by,
        confirmed_by=hands.confirmed_by,
        reason=reason,
    )
    work.publish(CHANGED, version=number)
    return number

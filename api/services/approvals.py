"""Approvals of plans as agents ask for them: the server's signed word that people have approved, and the proof.

The word is signed when the approvals are complete, in the transaction of the last of them, and stored: whoever can only
write to the database makes none. What agents get is signed anew from it, once half its life is over.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from api.services.catalogs import Target
from api.services.work import Actor, Work
from api.storage import rollouts as rows
from schema import canonical
from schema.progress import WHOLE_PLAN, Rollout
from schema.protocol.plans import MAX_APPROVERS, Approved, Approver, PlanApproval, PlanProof
from schema.protocol.probes import digest_of
from schema.protocol.signing import BadSignature, Domain, Signed, sign, verify
from schema.time import DAY

if TYPE_CHECKING:
    from api.services.container import Services

LIFE: Final = 30 * DAY
"""How long an agent takes an approval for: a captured one is worth nothing later."""
KEEP: Final = 64
"""Statements at hand."""
MAX_NAME_CHARS: Final = 256
BREAK_GLASS: Final = "break-glass/"
"""What the user of an approval begins with that no person gave: the rollout goes on, and no host is told of it."""

_READER: Final = Actor.system("approvals")


class Graph(Protocol):
    """Of `reconciler.graph.Graph`, what proves."""

    def proof(self, profile_id: str, catalog_sha256: str, /) -> PlanProof | None:
        """That a profile with this catalog is under the plan root."""
        ...


def state(work: Work, rollout: Rollout, key: Ed25519PrivateKey) -> None:
    """Sign that the plan of a rollout is approved, if it now is."""
    plan = rollout.plan
    if plan is None or not plan.require_approval:
        return
    given = [
        one
        for one in rollout.approvals
        if (one.wave, one.plan_root) == (WHOLE_PLAN, rollout.plan_root) and not one.user_id.startswith(BREAK_GLASS)
    ]
    if len(given) < plan.approvals or not given:
        return
    statement = PlanApproval(
        project=work.project_id,
        commit=rollout.commit,
        plan_root=rollout.plan_root,
        approvers=[Approver(id=one.user_id, name=one.name[:MAX_NAME_CHARS]) for one in given[:MAX_APPROVERS]],
        count=len(given),
        approved=max(one.at for one in given),
        expires=work.now + LIFE,
        commands=sorted(
            {
                digest_of(check.command or (), check.returns, check.timeout_s)
                for wave in plan.waves
                for check in wave.commands
            }
        ),
    )
    rows.put_statement(work.session, work.project_id, rollout.id, _signed(statement, key).model_dump_json())


def renewed(signed: Signed, key: Ed25519PrivateKey, now: int) -> Signed | None:
    """The same word for longer, if less than half of its life is left; None where it is not ours."""
    try:
        body = verify(key.public_key(), Domain.APPROVAL, signed)
    except BadSignature:
        return None
    statement = PlanApproval.model_validate(canonical.loads(body), strict=True)
    if statement.expires - now > LIFE // 2:
        return signed
    return _signed(statement.model_copy(update={"expires": now + LIFE}), key)


class Approvals:
    """What goes with a target to an agent that takes approved plans alone. Lives in the event loop's thread."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: OrderedDict[tuple[str, str], Signed] = OrderedDict()
        self.graph: Callable[[str], Graph | None] = lambda _: None
        """The graph of a commit, where it is at hand; filled in with the loop."""

    async def of(self, target: Target) -> bytes | None:
        """JSON of an `Approved`; None where nobody has approved, or the plan is not at hand."""
        assigned = target.assigned
        graph = self.graph(assigned.commit) if assigned is not None else None
        if assigned is None or graph is None:
            return None
        statement = await self.stated(assigned.commit, assigned.plan_root)
        if statement is None:
            return None
        try:
            # The tree of a commit that was read from disk is made when it is first asked for.
            proof = await asyncio.to_thread(graph.proof, target.profile, target.catalog_sha256)
        except ValidationError:  # names longer than a proof may have: without one, the host says that it lacks it
            return None
        return Approved(statement=statement, proof=proof).model_dump_json().encode() if proof is not None else None

    async def stated(self, commit: str, plan_root: str) -> Signed | None:
        """The word that people have approved a plan; None where nobody has."""
        known = self._known.get((commit, plan_root))
        if known is None:
            stored = await self._services.read(
                _READER, lambda work: rows.statement(work.session, work.project_id, commit, plan_root)
            )
            if stored is None:
                return None
            try:
                known = Signed.model_validate_json(stored)
            except ValidationError:  # somebody else wrote it
                return None
        found = renewed(known, self._services.pki.signing_key, self._services.clock.now())
        if found is not None:
            self._known[commit, plan_root] = found
            self._known.move_to_end((commit, plan_root))
            if len(self._known) > KEEP:
                self._known.popitem(last=False)
        return found


def _signed(statement: PlanApproval, key: Ed25519PrivateKey) -> Signed:
    absent = set() if statement.commands else {"commands"}
    return sign(key, Domain.APPROVAL, canonical.dumps(statement.model_dump(mode="json", exclude=absent)))

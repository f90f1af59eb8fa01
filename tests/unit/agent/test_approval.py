"""What a host takes that was pinned to approved plans, and what it refuses, in which order."""

from __future__ import annotations

from typing import Any

import pytest

from agent.acceptance import Acceptance, Floor, Refusal, RefusalCode, Trust
from reconciler.graph import plan
from schema.protocol.messages import Target
from schema.protocol.plans import Approved, PlanProof, leaf_hash
from schema.protocol.signing import Domain
from schema.time import DAY, to_rfc3339
from tests.factories.accepting import acceptance, admitted, refused
from tests.factories.targets import NOW, Signer, raw


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


def approved(signer: Signer, target: Target, *, domain: Domain = Domain.APPROVAL, **more: Any) -> Target:
    """A target of the plan of which its catalog is the only one, with an approval of that; `more` replaces its fields."""
    assert target.catalog is not None
    leaf = leaf_hash("envoys/web.vgo", "*", target.catalog.sha256)
    statement = {
        "format": 1,
        "project": signer.project,
        "commit": "c" * 40,
        "plan_root": root_of(target),
        "approvers": [{"id": "1", "name": "ann"}],
        "count": 1,
        "approved": to_rfc3339(NOW),
        "expires": to_rfc3339(NOW + DAY),
        **more,
    }
    proof = PlanProof(file="envoys/web.vgo", pattern="*", bucket=[leaf.hex()])
    return target.model_copy(update={"approved": Approved(statement=signer.sign(domain, statement), proof=proof)})


def root_of(target: Target) -> str:
    assert target.catalog is not None
    return plan.build([leaf_hash("envoys/web.vgo", "*", target.catalog.sha256)]).root.hex()


def of_plan(signer: Signer, *, generation: int = 1, greeting: str = "hello", **more: Any) -> Target:
    """A target whose assignment names the plan in which its catalog is."""
    crate = signer.crate("motd", [{"name": "motd", "type": "file", "path": "/etc/motd", "content": greeting}])
    bare = signer.target([crate], generation=generation)
    return signer.target([crate], generation=generation, **({"plan_root": root_of(bare)} | more))


def pinned(signer: Signer, floor: Floor | None = None) -> Acceptance:
    trust = Trust(signer.project, signer.envoy_id, signer.key.public_key(), signer.sealing)
    return Acceptance(trust, floor, pinned=True)


def test_a_pinned_host_takes_an_approved_plan_and_nothing_else(signer: Signer) -> None:
    judge = pinned(signer)
    target = of_plan(signer)
    assert refused(judge, raw(target)) == RefusalCode.UNAPPROVED
    assert admitted(judge, approved(signer, target)).generation == 1
    assert refused(judge, raw(of_plan(signer, generation=2, greeting="evil"))) == RefusalCode.UNAPPROVED


def test_what_is_in_force_is_renewed_without_an_approval(signer: Signer) -> None:
    judge = pinned(signer)
    admitted(judge, approved(signer, of_plan(signer)))
    admitted(judge, of_plan(signer, generation=2))
    admitted(judge, of_plan(signer, generation=3, commit="d" * 40, plan_root="0" * 64))
    # What was in force before the host was pinned stays, and so it is after a restart.
    kept = acceptance(signer).judge(raw(of_plan(signer)), NOW).target
    again = pinned(signer)
    again.resume(kept)
    admitted(again, of_plan(signer, generation=2))
    assert refused(again, raw(of_plan(signer, generation=3, greeting="other"))) == RefusalCode.UNAPPROVED


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"plan_root": "1" * 64}, "another plan"),
        ({"commit": "d" * 40}, "another plan"),
        ({"project": "another"}, "project another"),
        ({"expires": to_rfc3339(NOW)}, "expired"),
        ({"domain": Domain.ASSIGNMENT}, "signature"),
        ({"domain": Domain.CATALOG}, "signature"),
        ({"format": 2}, "form that is not known"),
        ({"count": 0}, "form that is not known"),
        ({"extra": 1}, "form that is not known"),
    ],
)
def test_an_approval_of_anything_else_is_none(signer: Signer, change: dict[str, Any], said: str) -> None:
    judge = pinned(signer)
    with pytest.raises(Refusal, match=said) as caught:
        judge.judge(raw(approved(signer, of_plan(signer), **change)), NOW)
    assert caught.value.code is RefusalCode.UNAPPROVED


def test_an_approval_by_another_key_is_none(signer: Signer) -> None:
    assert refused(pinned(signer), raw(approved(Signer(), of_plan(signer)))) == RefusalCode.UNAPPROVED


def test_the_approval_of_one_catalog_is_none_of_another(signer: Signer) -> None:
    good, evil = of_plan(signer), of_plan(signer, greeting="evil")
    assert good.catalog is not None
    moved = signer.target(
        [signer.crate("motd", [{"name": "motd", "type": "file", "path": "/etc/motd", "content": "evil"}])],
        plan_root=root_of(good),
    )
    stolen = moved.model_copy(update={"approved": approved(signer, good).approved})
    assert refused(pinned(signer), raw(stolen)) == RefusalCode.UNAPPROVED
    other = evil.model_copy(update={"approved": approved(signer, good).approved})
    assert refused(pinned(signer), raw(other)) == RefusalCode.UNAPPROVED


def test_a_signature_a_foreign_host_and_an_older_one_are_refused_before_an_approval_is_looked_at(
    signer: Signer,
) -> None:
    judge = pinned(signer)
    good = approved(signer, of_plan(signer, generation=5))
    forged = good.model_copy(update={"assignment": good.assignment.model_copy(update={"signature": "AAAA"})})
    assert refused(judge, raw(forged)) == RefusalCode.SIGNATURE
    assert refused(judge, raw(of_plan(signer, project="other"))) == RefusalCode.FOREIGN
    admitted(judge, good)
    assert refused(judge, raw(of_plan(signer, generation=4, greeting="x"))) == RefusalCode.ROLLBACK
    late = of_plan(signer, generation=6, greeting="x", expires=NOW)
    assert refused(judge, raw(late)) == RefusalCode.EXPIRED
    mixed = approved(signer, of_plan(signer, generation=6, greeting="x"))
    assert refused(judge, raw(mixed.model_copy(update={"catalog": None}))) == RefusalCode.MIXED


def test_a_host_that_is_not_pinned_looks_at_no_approval(signer: Signer) -> None:
    admitted(acceptance(signer), approved(signer, of_plan(signer), plan_root="1" * 64))

"""Approvals of plans on record, the same on SQLite and on PostgreSQL: signed when they are complete, and never for less."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.services import approvals, rollouts
from api.services.container import Services
from api.services.work import Actor, Work
from api.storage import rollouts as rows
from schema import canonical
from schema.access import Role
from schema.progress import WHOLE_PLAN, Approval, Progress, WaveProgress
from schema.protocol.plans import PlanApproval
from schema.protocol.probes import digest_of
from schema.protocol.signing import BadSignature, Domain, Signed, sign, verify
from schema.rollouts import HealthCheck, PlannedWave, RolloutPlan, RolloutState, WaveState

T = TypeVar("T")

ANN = Actor("user", "1", "ann", "token:1", Role.ADMIN)
BOB = Actor("user", "2", "bob", "token:2", Role.ADMIN)
ONE, TWO = "1" * 40, "2" * 40
ROOT, OTHER = "a" * 64, "b" * 64
KEY = Ed25519PrivateKey.generate()


def do(services: Services, use_case: Callable[[Work], T], actor: Actor = ANN) -> T:
    return services.write_now(actor, use_case)


def planned(
    services: Services, commit: str, root: str = ROOT, *, require: bool = True, health: tuple[HealthCheck, ...] = ()
) -> int:
    def use_case(work: Work) -> int:
        rollout_id = rollouts.begin(work, commit=commit, plan_root=root, author="Jo <jo@x.org>", staged=True)
        wave = PlannedWave(index=0, name="first", hosts=("web01.example.com",), approvals=1, health=health)
        plan = RolloutPlan(
            commit=commit,
            base=None,
            plan_root=root,
            waves=(wave,),
            unchanged=0,
            require_approval=require,
            approvals=2,
        )
        state = RolloutState.AWAITING_APPROVAL if require else RolloutState.RUNNING
        progress = Progress(state=state, waves=(WaveProgress(index=0, state=WaveState.WAITING, hosts=1),))
        rollouts.keep(work, rollout_id, version=1, progress=progress, plan=plan)
        return rollout_id

    return do(services, use_case)


def approve(services: Services, rollout_id: int, actor: Actor, wave: int | None = None) -> None:
    def use_case(work: Work) -> None:
        approvals.state(work, rollouts.approve(work, rollout_id, wave=wave, plan_root=None), KEY)

    do(services, use_case, actor)


def stored(services: Services, commit: str, root: str = ROOT) -> PlanApproval | None:
    text = do(services, lambda work: rows.statement(work.session, work.project_id, commit, root))
    if text is None:
        return None
    body = verify(KEY.public_key(), Domain.APPROVAL, Signed.model_validate_json(text))
    return PlanApproval.model_validate(canonical.loads(body), strict=True)


def test_it_is_signed_when_as_many_have_approved_as_were_asked_for(services: Services) -> None:
    rollout_id = planned(services, ONE)
    approve(services, rollout_id, ANN)
    approve(services, rollout_id, ANN)
    assert stored(services, ONE) is None
    approve(services, rollout_id, BOB, wave=0)
    assert stored(services, ONE) is None
    approve(services, rollout_id, BOB)
    found = stored(services, ONE)
    assert found is not None
    assert (found.commit, found.plan_root, found.count) == (ONE, ROOT, 2)
    assert sorted(each.name for each in found.approvers) == ["ann", "bob"]
    assert found.expires - found.approved >= approvals.LIFE
    assert stored(services, ONE, OTHER) is None
    assert stored(services, TWO) is None


def test_the_approval_of_one_wave_is_none_of_the_plan(services: Services) -> None:
    rollout_id = planned(services, ONE, require=False)
    for actor in (ANN, BOB):
        approve(services, rollout_id, actor, wave=0)
    assert stored(services, ONE) is None


def test_break_glass_is_no_approval_that_a_host_is_told_of(services: Services) -> None:
    rollout_id = planned(services, ONE)
    for number in range(2):
        user = f"{approvals.BREAK_GLASS}glass/{number}"
        given = Approval(wave=WHOLE_PLAN, user_id=user, name="break-glass by ann", plan_root=ROOT, at=1)
        do(services, lambda work, given=given: rows.approve(work.session, work.project_id, rollout_id, given))
    approve(services, rollout_id, ANN)
    assert stored(services, ONE) is None
    approve(services, rollout_id, BOB)
    found = stored(services, ONE)
    assert found is not None
    assert [each.name for each in found.approvers] == ["ann", "bob"]


def test_what_was_signed_first_stays_and_another_rollout_has_its_own(services: Services) -> None:
    first = planned(services, ONE)
    approve(services, first, ANN)
    approve(services, first, BOB)
    before = stored(services, ONE)
    approve(services, first, Actor("user", "3", "cy", "token:3", Role.ADMIN))
    assert stored(services, ONE) == before
    second = planned(services, TWO, OTHER)
    approve(services, second, ANN)
    assert stored(services, TWO, OTHER) is None
    assert stored(services, ONE) == before


def test_it_is_signed_anew_when_half_its_life_is_over_and_only_if_it_is_ours() -> None:
    now = 1_795_000_000_000_000
    statement = {
        "format": 1,
        "project": "p",
        "commit": ONE,
        "plan_root": ROOT,
        "approvers": [],
        "count": 1,
        "approved": "2026-11-22T10:00:00Z",
        "expires": "2026-12-22T10:00:00Z",
    }
    body = canonical.dumps(PlanApproval.model_validate(statement).model_dump(mode="json"))
    signed = sign(KEY, Domain.APPROVAL, body)
    expires = PlanApproval.model_validate(statement).expires
    assert approvals.renewed(signed, KEY, expires - approvals.LIFE) is signed
    again = approvals.renewed(signed, KEY, expires + approvals.LIFE)
    assert again is not None
    found = PlanApproval.model_validate(canonical.loads(verify(KEY.public_key(), Domain.APPROVAL, again)), strict=True)
    assert found.expires == expires + 2 * approvals.LIFE
    assert found.model_copy(update={"expires": expires}) == PlanApproval.model_validate(statement)
    # What somebody wrote into the database, with another key or for another purpose.
    for forged in (sign(Ed25519PrivateKey.generate(), Domain.APPROVAL, body), sign(KEY, Domain.CATALOG, body)):
        assert approvals.renewed(forged, KEY, now) is None
        with pytest.raises(BadSignature):
            verify(KEY.public_key(), Domain.APPROVAL, forged)


def test_it_names_the_commands_of_health_checks_and_has_no_such_key_without_any(services: Services) -> None:
    url, command = (
        HealthCheck(url="https://x.example.com/"),
        HealthCheck(command=("true",), returns=(0, 3), timeout_s=7),
    )
    for commit, health in ((ONE, (url,)), (TWO, (url, command, command))):
        rollout_id = planned(services, commit, health=health)
        approve(services, rollout_id, ANN)
        approve(services, rollout_id, BOB)
    text = do(services, lambda work: rows.statement(work.session, work.project_id, ONE, ROOT))
    assert text is not None
    assert "commands" not in text
    found = stored(services, TWO)
    assert found is not None
    assert found.commands == [digest_of(["true"], [3, 0], 7)]

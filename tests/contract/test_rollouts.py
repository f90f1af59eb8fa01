"""Rollouts on record, the same on SQLite and on PostgreSQL: what the loop writes and what people ask overwrite each other
nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from pydantic import SecretStr

from api.services import audit, rollouts, users
from api.services.container import Services
from api.services.makers import Makers
from api.services.work import LOCAL_ADMIN, Actor, Work
from schema.access import Role
from schema.progress import WHOLE_PLAN, FailedCheck, HostFailure, Progress, WaveProgress
from schema.rollouts import HealthCheck, PlannedWave, RolloutPlan, RolloutState, WaveState
from schema.users import UserCreate

T = TypeVar("T")

ANN = Actor("user", "1", "ann", "token:1", Role.ADMIN)
BOB = Actor("user", "2", "bob", "token:2", Role.ADMIN)
ONE, TWO, THREE = "1" * 40, "2" * 40, "3" * 40
ROOT = "a" * 64


def do(services: Services, use_case: Callable[[Work], T], actor: Actor = ANN) -> T:
    return services.write_now(actor, use_case)


def begun(services: Services, commit: str, *, staged: bool = True, author: str = "Jo <jo@x.org>") -> int:
    return do(services, lambda work: rollouts.begin(work, commit=commit, plan_root=ROOT, author=author, staged=staged))


def plan(commit: str) -> RolloutPlan:
    wave = PlannedWave(index=0, name="first", hosts=("web01.example.com",), approvals=2)
    return RolloutPlan(
        commit=commit, base=ONE, plan_root=ROOT, waves=(wave,), unchanged=0, require_approval=True, approvals=2
    )


def keep(services: Services, rollout_id: int, version: int, state: RolloutState, commit: str = TWO) -> None:
    progress = Progress(state=state, waves=(WaveProgress(index=0, state=WaveState.RUNNING, hosts=1),))
    do(services, lambda work: rollouts.keep(work, rollout_id, version=version, progress=progress, plan=plan(commit)))


def test_a_rollout_begins_once_and_ends_the_one_before(services: Services) -> None:
    first = begun(services, ONE)
    assert begun(services, ONE) == first
    second = begun(services, TWO)
    assert second == first + 1
    found = do(services, lambda work: rollouts.page(work))
    assert [(each.id, each.state) for each in found.rollouts] == [
        (second, RolloutState.PLANNED),
        (first, RolloutState.CANCELLED),
    ]
    assert do(services, lambda work: rollouts.page(work, limit=1)).next_before == second
    actions = [event.type for event in services.read_now(ANN, audit.events).events][::-1]
    assert actions == ["rollout_begin", "rollout_cancel", "rollout_begin"]


@pytest.mark.parametrize(
    ("root", "state"), [(ROOT, RolloutState.REVERTED), ("b" * 64, RolloutState.CANCELLED)], ids=["back", "elsewhere"]
)
def test_a_commit_that_comes_while_a_change_is_taken_back_is_that_or_another(
    services: Services, root: str, state: RolloutState
) -> None:
    begun(services, ONE)
    bad = do(services, lambda work: rollouts.begin(work, commit=TWO, plan_root="c" * 64, author="", staged=True))
    keep(services, bad, 1, RolloutState.REVERTING)
    do(services, lambda work: rollouts.begin(work, commit=THREE, plan_root=root, author="", staged=True))
    found = do(services, lambda work: rollouts.get(work, bad))
    assert (found.state, found.progress.went_back_to) == (state, THREE if state is RolloutState.REVERTED else None)


def test_an_older_word_of_the_loop_takes_no_newer_one_s_place(services: Services) -> None:
    rollout_id = begun(services, TWO)
    keep(services, rollout_id, 2, RolloutState.STOPPED)
    keep(services, rollout_id, 1, RolloutState.RUNNING)
    found = do(services, lambda work: rollouts.get(work, rollout_id))
    assert (found.state, found.version, found.plan) == (RolloutState.STOPPED, 2, plan(TWO))


def test_counts_of_the_moment_stand_on_record_until_a_newer_word_comes(services: Services) -> None:
    rollout_id = begun(services, TWO)
    keep(services, rollout_id, 2, RolloutState.RUNNING)
    waves = (WaveProgress(index=0, name="first", state=WaveState.RUNNING, hosts=2, released=2, healthy=1),)
    do(services, lambda work: rollouts.count(work, TWO, 1, (WaveProgress(index=0),)))
    do(services, lambda work: rollouts.count(work, ONE, 2, (WaveProgress(index=0),)))
    do(services, lambda work: rollouts.count(work, TWO, 2, waves))
    found = do(services, lambda work: rollouts.get(work, rollout_id))
    assert (found.progress.waves, found.version, found.plan) == (waves, 2, plan(TWO))
    keep(services, rollout_id, 3, RolloutState.STOPPED)
    do(services, lambda work: rollouts.count(work, TWO, 2, waves))
    assert do(services, lambda work: rollouts.get(work, rollout_id)).progress.waves != waves


def test_what_people_ask_is_not_lost_to_what_the_loop_writes(services: Services) -> None:
    rollout_id = begun(services, TWO)
    keep(services, rollout_id, 1, RolloutState.RUNNING)
    do(services, lambda work: rollouts.pause(work, rollout_id))
    do(services, lambda work: rollouts.promote(work, rollout_id, 0))
    keep(services, rollout_id, 2, RolloutState.RUNNING)
    past = do(services, rollouts.past)
    assert past.current is not None
    assert (past.current.asked.paused, past.current.asked.promoted) == (True, {0})
    assert past.current.version == 2


def test_a_person_counts_once_and_never_for_what_is_theirs(services: Services) -> None:
    rollout_id = begun(services, TWO, author="Ann <ann@example.com>")
    keep(services, rollout_id, 1, RolloutState.AWAITING_APPROVAL)
    with pytest.raises(rollouts.OwnCommit):
        do(services, lambda work: rollouts.approve(work, rollout_id, wave=None, plan_root=None))
    with pytest.raises(rollouts.OtherPlan):
        do(services, lambda work: rollouts.approve(work, rollout_id, wave=None, plan_root="b" * 64), BOB)
    for _ in range(2):
        found = do(services, lambda work: rollouts.approve(work, rollout_id, wave=None, plan_root=ROOT), BOB)
    assert found.asked.approvals == {WHOLE_PLAN: 1}
    found = do(services, lambda work: rollouts.approve(work, rollout_id, wave=0, plan_root=ROOT), BOB)
    assert found.asked.approvals == {WHOLE_PLAN: 1, 0: 1}
    with pytest.raises(rollouts.NoSuchWave):
        do(services, lambda work: rollouts.approve(work, rollout_id, wave=7, plan_root=ROOT), BOB)


def test_whoever_wrote_any_of_what_is_brought_is_known_by_each_of_their_names(services: Services) -> None:
    new = UserCreate(
        username="ann",
        password=SecretStr("x" * 12),
        role=Role.ADMIN,
        display_name="Ann Smith",
        email="A.Smith@Example.com",
    )
    ann = do(services, lambda work: users.create(work, new, "x"), Actor.system("test"))
    actor = Actor("user", ann.id, "ann", "token:1", Role.ADMIN)
    for number, author in enumerate(("x <a.smith@example.com>", "Ann Smith <x@x.org>", "x <ann@vigo.invalid>", "ANN")):
        rollout_id = begun(services, f"{number}" * 40, author=author)
        keep(services, rollout_id, 1, RolloutState.AWAITING_APPROVAL, f"{number}" * 40)
        with pytest.raises(rollouts.OwnCommit):
            do(services, lambda work, one=rollout_id: rollouts.approve(work, one, wave=None, plan_root=None), actor)
    # What was not through comes with the next commit, whoever that is by; what is through does not.
    last = begun(services, "c" * 40)
    keep(services, last, 1, RolloutState.AWAITING_APPROVAL, "c" * 40)
    with pytest.raises(rollouts.OwnCommit):
        do(services, lambda work: rollouts.approve(work, last, wave=None, plan_root=None), actor)
    keep(services, last, 2, RolloutState.DONE, "c" * 40)
    next_ = begun(services, "d" * 40)
    keep(services, next_, 1, RolloutState.AWAITING_APPROVAL, "d" * 40)
    for makers in (Makers(accounts=frozenset({"ann"})), Makers(addresses=frozenset({"a.smith@example.com"}))):
        with pytest.raises(rollouts.OwnCommit):
            do(
                services,
                lambda work, by=makers: rollouts.approve(work, next_, wave=None, plan_root=None, makers=by),
                actor,
            )
    assert do(services, lambda work: rollouts.approve(work, next_, wave=None, plan_root=ROOT), actor).approvals


def test_nobody_without_an_account_approves(services: Services) -> None:
    rollout_id = begun(services, TWO)
    keep(services, rollout_id, 1, RolloutState.AWAITING_APPROVAL)
    for actor in (LOCAL_ADMIN, Actor.system("loop")):
        with pytest.raises(rollouts.NoAccount):
            do(services, lambda work: rollouts.approve(work, rollout_id, wave=None, plan_root=None), actor)


def test_a_newer_commit_makes_approvals_void(services: Services) -> None:
    first = begun(services, TWO)
    keep(services, first, 1, RolloutState.AWAITING_APPROVAL)
    do(services, lambda work: rollouts.approve(work, first, wave=None, plan_root=ROOT))
    second = begun(services, THREE)
    assert do(services, lambda work: rollouts.get(work, second)).asked.approvals == {}
    with pytest.raises(rollouts.RolloutOver):
        do(services, lambda work: rollouts.approve(work, first, wave=None, plan_root=ROOT))


def test_what_stopped_is_tried_again_and_what_did_not_is_not(services: Services) -> None:
    rollout_id = begun(services, TWO)
    keep(services, rollout_id, 1, RolloutState.RUNNING)
    with pytest.raises(rollouts.RolloutOver):
        do(services, lambda work: rollouts.retry(work, rollout_id))
    keep(services, rollout_id, 2, RolloutState.STOPPED)
    assert do(services, lambda work: rollouts.retry(work, rollout_id)).asked.retries == 1


def test_the_past_knows_what_was_proven_and_what_came_after(services: Services) -> None:
    assert do(services, rollouts.past).current is None
    first = begun(services, ONE, staged=False)
    keep(services, first, 1, RolloutState.DONE)
    begun(services, TWO)
    begun(services, THREE)
    past = do(services, rollouts.past)
    assert (past.proven, past.since) == (ONE, {TWO, THREE})
    assert past.current is not None
    assert (past.current.commit, past.current.everyone, past.current.plan) == (THREE, False, None)


def test_that_hosts_are_asked_to_run_commands_is_audited_once_a_round(services: Services) -> None:
    rollout_id = begun(services, TWO)
    check = HealthCheck(command=("systemctl", "is-active", "nginx"))
    wave = PlannedWave(index=0, name="first", hosts=("web01.example.com",), health=(check,))
    asked = RolloutPlan(commit=TWO, base=ONE, plan_root=ROOT, waves=(wave,), unchanged=0)
    failed = HostFailure(
        hostname="web01.example.com",
        wave=0,
        why="a health check failed",
        at=1,
        check=FailedCheck(command="systemctl is-active nginx", code=3, output="inactive"),
    )
    for version, probes in enumerate((0, 1, 1, 2), 1):
        progress = Progress(
            state=RolloutState.RUNNING,
            waves=(WaveProgress(index=0, name="first", state=WaveState.RUNNING, hosts=1, probes=probes),),
            failures=(failed,) if probes == 2 else (),
        )
        do(
            services,
            lambda work, version=version, progress=progress: rollouts.keep(
                work, rollout_id, version=version, progress=progress, plan=asked
            ),
        )
    found = services.read_now(ANN, lambda work: audit.events(work, kind="rollout.probe"))
    assert len(found.events) == 2
    assert do(services, lambda work: rollouts.get(work, rollout_id)).progress.failures == (failed,)

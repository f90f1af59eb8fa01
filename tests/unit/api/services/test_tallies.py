"""Which wave a host is in, as the rollout under way has it."""

from __future__ import annotations

from api.services.tallies import Membership
from reconciler.loop.limits import Limits
from reconciler.loop.moments import Moment
from reconciler.rollout.execution import Execution
from reconciler.standings import NO_COURSE, named, spot
from reconciler.standings.classes import Facts
from schema.progress import WHOLE_PLAN, Asked
from schema.rollouts import PlannedWave, RolloutPlan, RolloutState, WaveState
from schema.standings import StandingClass

NOW = Moment(1_000_000_000, 1_000.0)


def execution() -> Execution:
    waves = (
        PlannedWave(index=0, name="first", hosts=("web1",), pause_s=60),
        PlannedWave(index=1, name="rest", hosts=("web2", "web3"), approvals=1),
    )
    plan = RolloutPlan(commit="a" * 40, base=None, plan_root="0" * 64, waves=waves, unchanged=0, require_approval=True)
    return Execution(plan, now=NOW, patience=Limits().rollouts)


def classes(membership: Membership) -> dict[str, tuple[StandingClass, int | None]]:
    course = membership.course()
    found = {}
    for hostname in ("web1", "web2", "web4"):
        wave, released = membership.place(hostname)
        facts = Facts("a" * 64, "b" * 64, failed=False, hold=None, connected=True, wave=wave, released=released)
        found[hostname] = named(spot(facts), course)
    return found


def test_without_a_rollout_whoever_is_there_gets_it() -> None:
    membership = Membership()

    assert membership.course() == NO_COURSE
    assert membership.of() is None
    assert classes(membership) == dict.fromkeys(("web1", "web2", "web4"), (StandingClass.WAVE, None))


def test_hosts_wait_for_approvals_and_then_for_their_wave() -> None:
    rollout = execution()
    membership = Membership(lambda: rollout)
    for hostname in ("web1", "web2", "web3"):
        rollout.arrived(hostname, hostname, None, NOW)
    rollout.drive(NOW)

    assert membership.course().state is RolloutState.AWAITING_APPROVAL
    assert membership.course().waves[0].pause_s == 60
    assert classes(membership) == {
        "web1": (StandingClass.APPROVAL, 0),
        "web2": (StandingClass.APPROVAL, 1),
        "web4": (StandingClass.WAVE, None),
    }
    rollout.asked(Asked(approvals={WHOLE_PLAN: 1}))
    rollout.drive(NOW)
    rollout.kept = rollout.version
    rollout.drive(NOW)
    assert membership.course().waves[0].state is WaveState.RUNNING
    assert membership.place("web1") == (0, True)
    assert membership.place("web2") == (1, False)
    assert classes(membership)["web2"] == (StandingClass.WAVE, 1)

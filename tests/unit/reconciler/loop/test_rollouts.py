"""Rollouts in the loop: wave by wave, judged by their own revision alone, stopped by themselves, taken back by nobody else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.holds import Holds
from reconciler.loop import Limits, Moment, effects, events
from reconciler.loop.envoys import Need
from reconciler.loop.past import Kept, Past
from reconciler.ports import Assigned, Order
from reconciler.rollout.terms import Patience, Verdict
from schema.errors import Next
from schema.holds import Hold, HoldKind
from schema.ids import new_id
from schema.progress import WHOLE_PLAN, Asked, Progress
from schema.protocol.reports import RunStatus
from schema.rollouts import HealthCheck, PlannedWave, RolloutPlan, RolloutState, Violation, WaveState, Window
from schema.time import SECOND
from tests.unit.reconciler.loop.conftest import START, FixedPlan, Hand, plan

HOSTS = ("a1", "b1", "b2", "b3", "c1", "c2")
WAVES = (("canary", ("a1",)), ("half", ("b1", "b2", "b3")), ("rest", ("c1", "c2")))


def waves(**options: Any) -> tuple[PlannedWave, ...]:
    """`canary={"pause_s": 5}` gives one wave that; `health=...` gives it to all."""
    named = {name: options.pop(name) for name, _ in WAVES if name in options}
    return tuple(
        PlannedWave(index=index, name=name, hosts=hosts, **{**options, **named.get(name, {})})
        for index, (name, hosts) in enumerate(WAVES)
    )


def rollout(commit: str, base: str | None = "c1", **options: Any) -> RolloutPlan:
    keys = {"on_failure", "require_approval", "approvals_of_plan", "violations"}
    of_plan = {key: options.pop(key) for key in keys & options.keys()}
    if "approvals_of_plan" in of_plan:
        of_plan["approvals"] = of_plan.pop("approvals_of_plan")
    return RolloutPlan.model_construct(
        commit=commit, base=base, plan_root="r", waves=waves(**options), unchanged=0, **of_plan
    )


def staged(commit: str, catalog: str, hosts: tuple[str, ...] = HOSTS) -> FixedPlan:
    return dataclasses.replace(plan(commit, **dict.fromkeys(hosts, catalog)), staged=True)


class Fleet:
    """All hosts, connected, on the first commit, which is proven."""

    def __init__(self, hand: Hand, hosts: tuple[str, ...] = HOSTS) -> None:
        self.hand = hand
        self.held: dict[str, Assigned] = {}
        for name in hosts:
            hand.connect(name)
        hand.put_in_force(plan("c1", **dict.fromkeys(hosts, "one")))
        while released := self.take():
            self.answer(*released)
        assert self.state is RolloutState.DONE
        hand.effects.clear()

    @property
    def state(self) -> RolloutState:
        return self.progress.state

    @property
    def progress(self) -> Progress:
        return self.hand.kept[-1].progress

    def take(self) -> set[str]:
        """Whom something is assigned to since the last time; all of it is made."""
        found = set()
        while assigns := self.hand.take(effects.Assign):
            for assign in assigns:
                generation = self.held[assign.envoy_id].order.generation + 1 if assign.envoy_id in self.held else 1
                self.held[assign.envoy_id] = self.hand.make(assign, generation)
                found.add(assign.envoy_id)
        self.hand.take(effects.Push)
        return found

    def answer(self, *names: str, status: RunStatus = RunStatus.CONVERGED, **changes: Any) -> None:
        for name in names:
            held = self.held[name]
            report = events.Reported(name, held.order, held.assignment_sha256, held.commit, status)
            self.hand.tell(dataclasses.replace(report, **changes))

    def fail(self, *names: str) -> None:
        self.answer(*names, status=RunStatus.FAILED)

    def begin(self, commit: str = "c2", catalog: str = "two", **options: Any) -> None:
        hand = self.hand
        hand.put_in_force(staged(commit, catalog))
        assert self.take() == set()
        asked = hand.one(effects.PlanRollout)
        hand.tell(events.RolloutPlanned(commit, rollout(commit, asked.proven, **options)))


@pytest.fixture
def fleet(hand: Hand) -> Fleet:
    return Fleet(hand)


def test_waves_follow_one_another_and_each_waits_for_the_one_before(fleet: Fleet) -> None:
    fleet.begin()
    assert fleet.take() == {"a1"}
    fleet.hand.after(20)
    assert fleet.take() == set()
    fleet.answer("a1")
    assert fleet.take() == {"b1", "b2", "b3"}
    fleet.answer("b1", "b3")
    assert fleet.take() == set()
    fleet.answer("b2")
    assert fleet.take() == {"c1", "c2"}
    fleet.answer("c1", "c2")
    assert fleet.state is RolloutState.DONE
    assert {held.commit for held in fleet.held.values()} == {"c2"}
    assert fleet.hand.retained == {"c2"}


def test_nobody_is_released_before_the_beginning_is_on_record(fleet: Fleet) -> None:
    fleet.hand.keeps = False
    fleet.begin()
    assert fleet.take() == set()
    newest = fleet.hand.kept[-1]
    fleet.hand.tell(events.RolloutKept(newest.rollout_id, newest.version))
    assert fleet.take() == {"a1"}


@pytest.mark.parametrize("changes", [{"commit": "c1"}, {"dry_run": True}, {"stale": True}, {"order": Order(1, 1)}])
def test_a_wave_is_judged_by_its_own_revision_alone(fleet: Fleet, changes: dict[str, Any]) -> None:
    fleet.begin()
    fleet.take()
    fleet.answer("a1", **changes)
    fleet.answer("a1", status=RunStatus.FAILED, **changes)
    assert fleet.take() == set()
    assert fleet.state is RolloutState.RUNNING
    fleet.answer("a1")
    assert fleet.take() == {"b1", "b2", "b3"}


def test_a_canary_that_fails_stops_all_and_the_others_stay(fleet: Fleet) -> None:
    fleet.begin()
    fleet.take()
    fleet.fail("a1")
    assert fleet.state is RolloutState.STOPPED
    assert fleet.progress.why == "wave canary: 1 of 1 hosts failed, none may"
    assert [each.hostname for each in fleet.progress.failures] == ["a1"]
    fleet.hand.after(3600)
    assert fleet.take() == set()
    # Who was not reached goes on with what it has, also after it was away.
    fleet.hand.tell(events.EnvoyDisconnected("c1", 1))
    fleet.hand.connect("c1", fleet.held["c1"].order, fleet.held["c1"], connection=2)
    assert fleet.take() == set()


def test_a_refusal_counts_as_a_failure(fleet: Fleet) -> None:
    fleet.begin()
    fleet.take()
    fleet.hand.tell(events.RefusedByEnvoy("a1", fleet.held["a1"].assignment_sha256, "format"))
    assert fleet.state is RolloutState.STOPPED
    assert "format" in fleet.progress.failures[0].why


def test_a_refusal_that_is_tried_again_is_in_the_way_all_the_same(fleet: Fleet) -> None:
    fleet.begin()
    fleet.take()
    fleet.hand.tell(events.RefusedByEnvoy("a1", fleet.held["a1"].assignment_sha256, "unapproved"))
    assert fleet.hand.core.refuses("a1") == "it refuses its assignment"
    assert fleet.hand.core.refuses("b1") == ""


def test_a_budget_is_spent_by_one_host_more_than_it_has(fleet: Fleet) -> None:
    fleet.begin(half={"failure_budget": 1})
    fleet.take()
    fleet.answer("a1")
    fleet.take()
    fleet.fail("b1")
    assert fleet.state is RolloutState.RUNNING
    fleet.answer("b2", "b3")
    assert fleet.take() == {"c1", "c2"}
    # A host of a wave that is through counts on: its second failure is one too many.
    fleet.fail("b2")
    assert fleet.state is RolloutState.STOPPED


def test_a_host_that_comes_good_is_no_failure_any_more(fleet: Fleet) -> None:
    fleet.begin(half={"failure_budget": 1})
    fleet.take()
    fleet.answer("a1")
    fleet.take()
    fleet.fail("b1")
    fleet.answer("b1")
    fleet.fail("b2")
    assert fleet.state is RolloutState.RUNNING
    fleet.answer("b3")
    assert fleet.take() == {"c1", "c2"}


def test_what_failed_can_be_tried_again(fleet: Fleet) -> None:
    fleet.begin()
    fleet.take()
    fleet.fail("a1")
    fleet.hand.tell(events.RolloutAsked(0, Asked(retries=1)))
    # The host runs anew, under another assignment of the same.
    assert fleet.take() == {"a1"}
    assert fleet.state is RolloutState.RUNNING
    fleet.answer("a1")
    assert fleet.take() == {"b1", "b2", "b3"}
    fleet.hand.tell(events.RolloutAsked(0, Asked(retries=1)))
    assert fleet.take() == set()


def test_so_many_hosts_are_at_it_at_once(fleet: Fleet) -> None:
    fleet.begin(max_in_flight=2)
    fleet.take()
    fleet.answer("a1")
    assert fleet.take() == {"b1", "b2"}
    fleet.hand.after(60)
    assert fleet.take() == set()
    fleet.answer("b2")
    assert fleet.take() == {"b3"}


def test_a_pause_is_waited_for_by_the_clock_on_the_wall(fleet: Fleet) -> None:
    fleet.begin(canary={"pause_s": 600})
    fleet.take()
    fleet.answer("a1")
    assert fleet.progress.waves[0].state is WaveState.PAUSED
    fleet.hand.after(599)
    assert fleet.take() == set()
    fleet.hand.after(1)
    assert fleet.take() == {"b1", "b2", "b3"}


def test_a_host_that_fails_in_the_pause_behind_its_wave_stops_the_rollout(fleet: Fleet) -> None:
    fleet.begin(canary={"pause_s": 600})
    fleet.take()
    fleet.answer("a1")
    fleet.fail("a1")
    assert fleet.state is RolloutState.STOPPED
    fleet.hand.after(900)
    assert fleet.take() == set()


def test_a_window_is_waited_for(fleet: Fleet) -> None:
    # 15 January 2027 is a Friday, 08:00 UTC.
    fleet.begin(canary={"windows": (Window(hours="08:30-09:00"),)})
    assert fleet.progress.waves[0].state is WaveState.AWAITING_WINDOW
    fleet.hand.after(29 * 60)
    assert fleet.take() == set()
    fleet.hand.after(60)
    assert fleet.take() == {"a1"}


def test_a_wave_waits_for_as_many_people_as_it_says(fleet: Fleet) -> None:
    fleet.begin(half={"approvals": 2})
    fleet.take()
    fleet.answer("a1")
    assert fleet.progress.waves[1].state is WaveState.AWAITING_APPROVAL
    fleet.hand.tell(events.RolloutAsked(0, Asked(approvals={1: 1})))
    assert fleet.take() == set()
    assert fleet.progress.waves[1].why == "one person must approve this wave"
    fleet.hand.tell(events.RolloutAsked(7, Asked(approvals={1: 2})))
    assert fleet.take() == set()
    fleet.hand.tell(events.RolloutAsked(0, Asked(approvals={1: 2})))
    assert fleet.take() == {"b1", "b2", "b3"}


def test_a_plan_waits_for_approval_before_anything(fleet: Fleet) -> None:
    fleet.begin(require_approval=True)
    assert fleet.state is RolloutState.AWAITING_APPROVAL
    assert fleet.take() == set()
    fleet.hand.tell(events.RolloutAsked(0, Asked(approvals={WHOLE_PLAN: 1})))
    assert fleet.take() == {"a1"}


def test_health_is_asked_for_behind_a_wave(fleet: Fleet) -> None:
    check = HealthCheck(url="https://example.com/health")
    fleet.begin(canary={"health": (check,)})
    fleet.take()
    fleet.answer("a1")
    asked = fleet.hand.one(effects.CheckHealth)
    assert (asked.wave, asked.checks) == (0, (check,))
    assert fleet.take() == set()
    fleet.hand.tell(events.HealthChecked(0, 0, ""))
    assert fleet.take() == {"b1", "b2", "b3"}


def test_health_that_fails_stops_the_rollout(fleet: Fleet) -> None:
    fleet.begin(canary={"health": (HealthCheck(url="https://example.com/health"),)})
    fleet.take()
    fleet.answer("a1")
    fleet.hand.tell(events.HealthChecked(0, 0, "https://example.com/health answered 503"))
    assert fleet.state is RolloutState.STOPPED
    assert "503" in fleet.progress.why
    assert fleet.take() == set()


def test_a_plan_that_breaks_an_invariant_releases_nobody(fleet: Fleet) -> None:
    violation = Violation(
        invariant="resolvers", message="two are needed", wave="half", group="", bound="at least 2", count=1, of=3
    )
    fleet.begin(violations=(violation,))
    assert fleet.state is RolloutState.BLOCKED
    assert "resolvers" in fleet.progress.why
    fleet.hand.after(3600)
    assert fleet.take() == set()
    # Somebody has it planned anew, for the hosts are others by now.
    fleet.hand.tell(events.RolloutAsked(0, Asked(retries=1)))
    fleet.hand.one(effects.PlanRollout)
    fleet.hand.tell(events.RolloutPlanned("c2", rollout("c2")))
    assert fleet.take() == {"a1"}


def test_what_failed_is_taken_back_where_the_plan_says_so(fleet: Fleet) -> None:
    fleet.begin(on_failure="revert")
    fleet.take()
    fleet.fail("a1")
    assert fleet.state is RolloutState.REVERTING
    back = fleet.hand.one(effects.GoBack)
    assert (back.commit, back.base) == ("c2", "c1")
    fleet.hand.tell(events.WentBack(0, "c3"))
    assert fleet.state is RolloutState.REVERTED
    # The commit that takes it back is one like any other; the canary alone changes.
    fleet.hand.put_in_force(staged("c3", "one"))
    asked = fleet.hand.one(effects.PlanRollout)
    assert (asked.proven, asked.since) == ("c1", {"c2"})
    only = PlannedWave(index=0, name="rest", hosts=("a1",))
    back_plan = rollout("c3", "c2").model_copy(update={"waves": (only,)})
    fleet.hand.tell(events.RolloutPlanned("c3", back_plan))
    assert fleet.take() == {"a1"}
    fleet.answer("a1")
    assert fleet.state is RolloutState.DONE


def test_a_commit_that_comes_while_a_change_is_taken_back_leaves_the_record_alone(fleet: Fleet) -> None:
    fleet.begin(on_failure="revert")
    fleet.take()
    fleet.fail("a1")
    fleet.hand.one(effects.GoBack)
    # It is in force before the writer of it has said so; whether it is that one, stands in the store by then.
    fleet.hand.put_in_force(staged("c3", "one"))
    fleet.hand.tell(events.WentBack(0, "c3"))
    assert RolloutState.CANCELLED not in {kept.progress.state for kept in fleet.hand.kept}


def test_what_cannot_be_taken_back_stays_stopped(fleet: Fleet) -> None:
    fleet.begin(on_failure="revert")
    fleet.take()
    fleet.fail("a1")
    back = fleet.hand.one(effects.GoBack)
    fleet.hand.tell(events.Faulted(back, "changes.not_valid", "it does not compile", Next.NEVER))
    assert fleet.state is RolloutState.STOPPED
    assert "it does not compile" in fleet.progress.why


def test_a_newer_commit_cancels_what_has_not_begun(fleet: Fleet) -> None:
    fleet.begin()
    fleet.take()
    fleet.answer("a1")
    assert fleet.take() == {"b1", "b2", "b3"}
    fleet.begin("c3", "three")
    cancelled = next(kept.progress for kept in fleet.hand.kept if kept.progress.state is RolloutState.CANCELLED)
    assert [wave.state for wave in cancelled.waves] == [WaveState.DONE, WaveState.CANCELLED, WaveState.CANCELLED]
    # The canary has the new one; the others of the middle commit stay on it until their wave comes.
    assert fleet.take() == {"a1"}
    assert fleet.hand.retained == {"c1", "c2", "c3"}
    assert {fleet.held[name].commit for name in ("b1", "b2", "b3")} == {"c2"}
    assert {fleet.held[name].commit for name in ("c1", "c2")} == {"c1"}
    fleet.fail("b1")  # of the middle commit: it is nothing to this rollout
    fleet.answer("a1")
    assert fleet.take() == {"b1", "b2", "b3"}
    fleet.answer("b1", "b2", "b3")
    assert fleet.take() == {"c1", "c2"}
    fleet.answer("c1", "c2")
    assert fleet.state is RolloutState.DONE
    assert fleet.hand.retained == {"c3"}


def test_a_person_pauses_resumes_and_cancels(fleet: Fleet) -> None:
    fleet.begin()
    fleet.take()
    fleet.hand.tell(events.RolloutAsked(0, Asked(paused=True)))
    fleet.answer("a1")
    assert fleet.state is RolloutState.PAUSED
    assert fleet.take() == set()
    fleet.hand.tell(events.RolloutAsked(0, Asked()))
    assert fleet.take() == {"b1", "b2", "b3"}
    fleet.hand.tell(events.RolloutAsked(0, Asked(cancelled=True)))
    assert fleet.state is RolloutState.CANCELLED
    fleet.answer("b1", "b2", "b3")
    fleet.hand.after(3600)
    assert fleet.take() == set()


def test_hosts_that_are_not_there_are_waited_for_and_then_not(fleet: Fleet) -> None:
    fleet.hand.tell(events.EnvoyDisconnected("b3", 1))
    fleet.begin()
    fleet.take()
    fleet.answer("a1")
    assert fleet.take() == {"b1", "b2"}
    fleet.answer("b1", "b2")
    fleet.hand.after(290)
    assert fleet.take() == set()
    fleet.hand.after(15)
    assert fleet.take() == {"c1", "c2"}
    assert fleet.progress.waves[1].offline == 1
    # It comes when its wave is through: it is released at once.
    fleet.hand.connect("b3", fleet.held["b3"].order, fleet.held["b3"], connection=2)
    assert fleet.take() == {"b3"}


def test_a_wave_of_which_too_few_answer_goes_no_further_by_itself(fleet: Fleet) -> None:
    for name in ("b2", "b3"):
        fleet.hand.tell(events.EnvoyDisconnected(name, 1))
    fleet.begin()
    fleet.take()
    fleet.answer("a1")
    fleet.take()
    fleet.answer("b1")
    fleet.hand.after(7200)
    assert fleet.take() == set()
    assert "1 of 3 hosts have answered" in fleet.progress.waves[1].why
    fleet.hand.tell(events.RolloutAsked(0, Asked(promoted=frozenset({1}))))
    assert fleet.take() == {"c1", "c2"}


def test_a_wave_that_is_promoted_before_it_begins_reaches_its_hosts_all_the_same(fleet: Fleet) -> None:
    fleet.begin(max_in_flight=1)
    fleet.hand.tell(events.RolloutAsked(0, Asked(promoted=frozenset({1, 2}))))
    fleet.take()
    fleet.answer("a1")
    # Nobody's answer is waited for, and yet nobody is left out.
    assert fleet.take() == {"b1", "b2", "b3", "c1", "c2"}
    assert fleet.state is RolloutState.DONE


def test_a_pause_of_a_person_does_not_spin_where_the_plan_pauses_too(fleet: Fleet) -> None:
    fleet.begin(canary={"pause_s": 60})
    fleet.take()
    fleet.answer("a1")
    fleet.hand.tell(events.RolloutAsked(0, Asked(paused=True)))
    fleet.hand.after(600)
    assert fleet.take() == set()
    fleet.hand.tell(events.RolloutAsked(0, Asked()))
    assert fleet.take() == {"b1", "b2", "b3"}


def test_a_host_that_says_nothing_is_not_waited_for_for_ever(fleet: Fleet) -> None:
    fleet.begin(max_in_flight=2)
    fleet.take()
    fleet.answer("a1")
    assert fleet.take() == {"b1", "b2"}
    fleet.answer("b1")
    fleet.take()
    fleet.answer("b3")
    fleet.hand.after(1790)
    fleet.hand.take(effects.Push)
    assert fleet.take() == set()
    fleet.hand.after(20)
    assert fleet.take() == {"c1", "c2"}
    assert fleet.progress.waves[1].silent == 1


def hold(match: str | None, kind: HoldKind = HoldKind.FREEZE, until: int | None = None) -> Hold:
    return Hold(id=new_id(), kind=kind, match=match, until=until, created_at=START, created_by="ann")


def test_a_held_host_gets_nothing_new_and_follows_when_that_ends(fleet: Fleet) -> None:
    fleet.hand.tell(events.HoldsChanged(Holds([hold("b2")])))
    fleet.begin()
    fleet.take()
    fleet.answer("a1")
    assert fleet.take() == {"b1", "b3"}
    fleet.answer("b1", "b3")
    # The wave does not wait for it.
    assert fleet.take() == {"c1", "c2"}
    assert fleet.progress.waves[1].held == 1
    fleet.answer("c1", "c2")
    assert fleet.state is RolloutState.DONE
    assert fleet.hand.core.status(fleet.hand.moment).envoys[Need.HELD] == 1
    assert fleet.hand.retained == {"c1", "c2"}
    fleet.hand.tell(events.HoldsChanged(Holds([])))
    assert fleet.take() == {"b2"}
    assert fleet.held["b2"].commit == "c2"


def test_a_freeze_of_all_leaves_the_waves_as_they_are(fleet: Fleet) -> None:
    fleet.hand.tell(events.HoldsChanged(Holds([hold(None)])))
    fleet.begin()
    fleet.hand.after(3600)
    assert fleet.take() == set()
    assert fleet.state is RolloutState.RUNNING
    assert fleet.progress.waves[0].why == "1 of 1 hosts are on hold: too many to go on without them"
    fleet.hand.tell(events.HoldsChanged(Holds([])))
    assert fleet.take() == {"a1"}
    fleet.answer("a1")
    assert fleet.take() == {"b1", "b2", "b3"}


def test_a_wave_that_is_on_hold_can_be_passed_over(fleet: Fleet) -> None:
    fleet.hand.tell(events.HoldsChanged(Holds([hold("a1")])))
    fleet.begin()
    assert fleet.take() == set()
    fleet.hand.tell(events.RolloutAsked(0, Asked(promoted=frozenset({0}))))
    assert fleet.take() == {"b1", "b2", "b3"}


def test_after_a_freeze_of_all_a_change_of_all_at_once_still_stops(hand: Hand) -> None:
    hosts = tuple(f"h{number:03}" for number in range(200))
    fleet = Fleet(hand, hosts)
    hand.tell(events.HoldsChanged(Holds([hold(None)])))
    hand.put_in_force(plan("c2", **dict.fromkeys(hosts, "two")))
    assert fleet.take() == set()
    hand.tell(events.HoldsChanged(Holds([])))
    reached = 0
    while released := fleet.take():
        reached += len(released)
        fleet.fail(*released)
    assert fleet.state is RolloutState.STOPPED
    assert reached < 100


def test_a_host_in_quarantine_is_healthy_nowhere(fleet: Fleet) -> None:
    fleet.begin(half={"pause_s": 600})
    fleet.take()
    fleet.answer("a1")
    fleet.take()
    fleet.answer("b1", "b2", "b3")
    assert fleet.progress.waves[1].healthy == 3
    rollout_under_way = fleet.hand.core.rollout
    assert rollout_under_way is not None
    quarantine = hold("b2", HoldKind.QUARANTINE)
    fleet.hand.tell(events.HoldsChanged(Holds([quarantine])))
    wave = rollout_under_way.progress().waves[1]
    assert (wave.healthy, wave.held) == (2, 1)
    fleet.fail("b2")
    wave = rollout_under_way.progress().waves[1]
    assert (wave.healthy, wave.held, wave.failed) == (2, 0, 1)
    fleet.answer("b2")
    assert rollout_under_way.progress().waves[1].healthy == 2
    fleet.hand.tell(events.HoldsChanged(Holds([])))
    assert rollout_under_way.progress().waves[1].healthy == 3


def test_a_freeze_ends_by_its_time_and_meanwhile_what_is_held_is_renewed(hand: Hand) -> None:
    fleet = Fleet(hand, ("web",))
    until = START + 12 * 3600 * SECOND
    hand.tell(events.HoldsChanged(Holds([hold(None, until=until)])))
    hand.put_in_force(plan("c2", web="two"))
    hand.after(10.7 * 3600)
    assert fleet.take() == set()
    hand.after(0.3 * 3600)
    assert fleet.take() == {"web"}
    assert fleet.held["web"].commit == "c1"  # renewed
    fleet.answer("web")
    hand.after(3600)
    assert fleet.take() == {"web"}
    assert fleet.held["web"].commit == "c2"


def restarted(by: Callable[..., Hand], fleet: Fleet, **options: Any) -> Fleet:
    """The server anew, with what is on record; the hosts come back."""
    old = fleet.hand
    newest = old.kept[-1]
    since = options.pop("since", {"c2"})
    told = {"plan": newest.plan, "progress": newest.progress, "version": newest.version}
    kept = Kept(id=0, commit="c2", everyone=False, **told, **options)
    hand = by(in_force="c2", past=Past(proven="c1", since=frozenset(since), current=kept))
    hand.now = old.now
    hand.put_in_force(staged("c2", "two"))
    fleet.hand = hand
    for number, (name, held) in enumerate(fleet.held.items()):
        hand.connect(name, held.order, held, connection=number + 10)
    return fleet


def test_a_restart_goes_on_exactly_there(by: Callable[..., Hand], fleet: Fleet) -> None:
    fleet.begin(half={"max_in_flight": 2})
    fleet.take()
    fleet.answer("a1")
    assert fleet.take() == {"b1", "b2"}
    fleet.answer("b1")
    # b1 is healthy, b2 at it, b3 was not given anything when the server died.
    verdicts = {name: Verdict(fleet.held[name].order, healthy=True) for name in ("a1", "b1")}
    restarted(by, fleet, verdicts=verdicts)
    recalled = fleet.hand.one(effects.Recall)
    assert recalled.commit == "c1"
    fleet.hand.tell(events.Recalled(plan("c1", **dict.fromkeys(HOSTS, "one"))))
    assert fleet.take() == {"b3"}
    fleet.answer("b3")
    assert fleet.take() == set()
    fleet.answer("b2")
    assert fleet.take() == {"c1", "c2"}
    fleet.answer("c1", "c2")
    assert fleet.state is RolloutState.DONE


def test_a_host_that_is_no_more_is_not_waited_for_after_a_restart(by: Callable[..., Hand], fleet: Fleet) -> None:
    fleet.hand.tell(events.EnvoyDisconnected("a1", 1))
    fleet.begin()
    assert fleet.take() == set()
    del fleet.held["a1"]  # it was revoked, and the server died before the loop heard of it
    restarted(by, fleet, gone=frozenset({"a1"}))
    fleet.hand.tell(events.Recalled(plan("c1", **dict.fromkeys(HOSTS, "one"))))
    assert fleet.take() == {"b1", "b2", "b3"}


def test_a_pause_is_not_begun_anew_by_a_restart(by: Callable[..., Hand], fleet: Fleet) -> None:
    fleet.begin(canary={"pause_s": 600})
    fleet.take()
    fleet.answer("a1")
    fleet.hand.after(400)
    restarted(by, fleet, verdicts={"a1": Verdict(fleet.held["a1"].order, healthy=True)})
    fleet.hand.after(199)
    assert fleet.take() == set()
    fleet.hand.after(1)
    assert fleet.take() == {"b1", "b2", "b3"}


def test_a_stopped_rollout_stays_stopped_over_a_restart(by: Callable[..., Hand], fleet: Fleet) -> None:
    fleet.begin()
    fleet.take()
    fleet.fail("a1")
    restarted(by, fleet, verdicts={"a1": Verdict(fleet.held["a1"].order, healthy=False, why="its run failed")})
    fleet.hand.after(3600)
    assert fleet.take() == set()
    fleet.hand.tell(events.RolloutAsked(0, Asked(retries=1)))
    assert fleet.take() == {"a1"}


def test_a_failure_that_was_stored_and_not_judged_counts_after_a_restart(by: Callable[..., Hand], fleet: Fleet) -> None:
    fleet.begin()
    fleet.take()
    restarted(by, fleet, verdicts={"a1": Verdict(fleet.held["a1"].order, healthy=False, why="its run failed")})
    assert fleet.state is RolloutState.STOPPED
    assert fleet.take() == set()


def test_while_a_base_is_not_at_hand_hosts_keep_what_they_hold(by: Callable[..., Hand], fleet: Fleet) -> None:
    fleet.begin()
    fleet.take()
    restarted(by, fleet)
    assert fleet.hand.core.status(fleet.hand.moment).envoys[Need.HELD] == 5
    recall = fleet.hand.one(effects.Recall)
    fleet.hand.tell(events.Faulted(recall, "graphs.archive_busy", "busy", Next.AFTER, 2.0))
    fleet.hand.after(3)
    assert fleet.hand.one(effects.Recall) == recall


def test_everybody_at_once_stops_at_a_tenth_and_the_rest_is_spared(by: Callable[..., Hand]) -> None:
    hosts = tuple(f"h{n}" for n in range(100))
    hand = by(limits=Limits(assigning=1000, pushing=1000))
    fleet = Fleet(hand, hosts)
    hand.put_in_force(plan("c2", **dict.fromkeys(hosts, "two")))
    first = fleet.take()
    assert len(first) == 32
    fleet.fail(*sorted(first)[:11])
    assert fleet.state is RolloutState.STOPPED
    assert fleet.progress.why == "wave all: 11 of 100 hosts failed, at most 10 may"
    hand.after(3600)
    assert len(fleet.take()) <= 10  # in the places of the ten that failed before that was known


def test_everybody_at_once_is_as_fast_as_the_hosts_answer(by: Callable[..., Hand]) -> None:
    hosts = tuple(f"h{n}" for n in range(400))
    hand = by(limits=Limits(assigning=1000, pushing=1000))
    fleet = Fleet(hand, hosts)
    hand.put_in_force(plan("c2", **dict.fromkeys(hosts, "two")))
    turns = []
    while released := fleet.take():
        turns.append(len(released))
        fleet.answer(*released)
    assert turns == [40, 200, 160]
    assert fleet.state is RolloutState.DONE


def test_the_more_hosts_fail_the_fewer_follow(by: Callable[..., Hand]) -> None:
    hosts = tuple(f"h{n:03}" for n in range(1_000))
    reached = []
    for share in (2, 1):
        fleet = Fleet(by(limits=Limits(assigning=1000, pushing=1000)), hosts)
        fleet.hand.put_in_force(plan("c2", **dict.fromkeys(hosts, "two")))
        waiting = sorted(fleet.take())
        total, answered = len(waiting), 0
        while waiting:
            name, answered = waiting.pop(0), answered + 1
            (fleet.fail if answered % share == 0 else fleet.answer)(name)
            found = sorted(fleet.take())
            waiting, total = waiting + found, total + len(found)
        assert fleet.state is RolloutState.STOPPED
        reached.append(total)
    assert reached[0] <= 350
    assert reached[1] <= 201


def test_hosts_that_are_slow_hold_nobody_up_for_long(by: Callable[..., Hand]) -> None:
    hosts = tuple(f"h{n}" for n in range(100))
    hand = by(limits=Limits(assigning=1000, pushing=1000, rollouts=Patience(place_s=5.0)))
    fleet = Fleet(hand, hosts)
    hand.put_in_force(plan("c2", **dict.fromkeys(hosts, "two")))
    total = len(fleet.take())
    for _ in range(3):
        hand.after(5)
        total += len(fleet.take())
    assert total == 100


def test_one_host_alone_stops_nothing_where_nobody_is_left_to_protect(hand: Hand) -> None:
    fleet = Fleet(hand, ("web", "db"))
    hand.put_in_force(plan("c2", web="two", db="two"))
    fleet.take()
    fleet.fail("web")
    fleet.answer("db")
    assert fleet.state is RolloutState.DONE
    hand.connect("new", connection=5)
    assert fleet.take() == set()  # nothing matches it


def test_a_new_host_gets_what_was_proven_last_until_the_rollout_is_through(fleet: Fleet) -> None:
    fleet.hand.put_in_force(staged("c2", "two", (*HOSTS, "new")))
    fleet.hand.tell(events.RolloutPlanned("c2", rollout("c2")))
    fleet.take()
    fleet.hand.connect("new")
    # The commit that was proven does not match it.
    assert fleet.take() == set()
    for names in (("a1",), ("b1", "b2", "b3"), ("c1", "c2")):
        fleet.answer(*names)
        found = fleet.take()
    assert fleet.state is RolloutState.DONE
    assert found == {"new"}
    assert fleet.held["new"].commit == "c2"


def test_planning_waits_until_no_assignment_is_being_made(fleet: Fleet) -> None:
    hand = fleet.hand
    hand.put_in_force(plan("c2", **dict.fromkeys(HOSTS, "two")))
    being_made = hand.take(effects.Assign)
    hand.put_in_force(staged("c3", "three"))
    assert hand.take(effects.PlanRollout) == []
    for assign in being_made:
        fleet.held[assign.envoy_id] = hand.make(assign, 2)
    asked = hand.one(effects.PlanRollout)
    assert (asked.proven, asked.since) == ("c1", {"c2"})


def test_what_is_not_answered_is_asked_again(fleet: Fleet) -> None:
    hand = fleet.hand
    hand.put_in_force(staged("c2", "two"))
    first = hand.one(effects.PlanRollout)
    hand.tell(events.Faulted(first, "x", "the database is silent", Next.BACK_OFF))
    hand.after(1)
    assert hand.one(effects.PlanRollout) == first
    hand.after(301)
    hand.after(10)
    assert hand.take(effects.PlanRollout) == [first]


def test_the_moment_is_a_pair_of_clocks() -> None:
    assert Moment(START + SECOND, 1.0).mono_at(START + 3 * SECOND) == 3.0

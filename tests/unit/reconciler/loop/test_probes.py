"""Commands as health checks: each host of the wave is asked once it has converged, and counts by what it says."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.holds import Holds
from reconciler.loop import Limits, effects, events
from reconciler.loop.past import Kept, Past
from reconciler.ports import Order
from reconciler.rollout.probing import UNABLE, Answer
from reconciler.rollout.terms import Patience, Verdict
from schema.errors import Next
from schema.holds import HoldKind
from schema.progress import Asked, FailedCheck
from schema.rollouts import HealthCheck, RolloutState, WaveState
from tests.unit.reconciler.loop.conftest import Hand, by_hand
from tests.unit.reconciler.loop.test_rollouts import HOSTS, Fleet, hold, rollout, staged

ACTIVE = HealthCheck(command=("systemctl", "is-active", "nginx"), attempts=2, interval_s=5)
ANSWERS = HealthCheck(command=("curl", "-sf", "http://localhost/"), attempts=1)
PASSED = Answer("passed", 0)
FAILED = Answer("failed", 3, "inactive")


class Asking(Fleet):
    """A fleet whose waves have commands, with what is asked of its hosts."""

    def begun(self, *checks: HealthCheck, **options: Any) -> Asking:
        self.begin(health=checks or (ACTIVE,), **options)
        return self

    def asked(self) -> dict[str, effects.Probe]:
        return {probe.hostname: probe for probe in self.hand.take(effects.Probe)}

    def says(self, answer: Answer, *probes: effects.Probe) -> None:
        for probe in probes:
            self.hand.tell(events.Probed(probe.rollout_id, probe.hostname, probe.id, answer))

    @property
    def counts(self) -> list[tuple[int, int, int]]:
        """Of each wave: healthy, checking, failed."""
        rollout_ = self.hand.core.rollout
        assert rollout_ is not None
        return [(wave.healthy, wave.checking, wave.failed) for wave in rollout_.waves()]


@pytest.fixture
def fleet(hand: Hand) -> Asking:
    return Asking(hand)


def test_a_wave_is_through_when_its_command_ends_well_on_each_host(fleet: Asking) -> None:
    fleet.begun(max_in_flight=2)
    assert fleet.take() == {"a1"}
    assert fleet.asked() == {}, "not before its own run"
    fleet.answer("a1")
    (probe,) = fleet.asked().values()
    assert (probe.commit, probe.check) == ("c2", ACTIVE)
    assert probe.catalog_sha256 == fleet.held["a1"].catalog_sha256
    assert fleet.take() == set(), "the next wave waits for it"
    assert fleet.counts[0] == (0, 1, 0)
    fleet.says(PASSED, probe)
    assert fleet.take() == {"b1", "b2"}
    fleet.answer("b1", "b2")
    asked = fleet.asked()
    assert fleet.take() == set(), "who is being asked keeps its place"
    fleet.says(PASSED, asked["b1"])
    assert fleet.take() == {"b3"}
    fleet.says(PASSED, asked["b2"])
    fleet.answer("b3")
    fleet.says(PASSED, *fleet.asked().values())
    assert fleet.take() == {"c1", "c2"}
    fleet.answer("c1", "c2")
    fleet.says(PASSED, *fleet.asked().values())
    assert fleet.state is RolloutState.DONE


def test_one_that_fails_counts_against_the_budget_and_is_shown(fleet: Asking) -> None:
    fleet.begun()
    fleet.take()
    fleet.answer("a1")
    (first,) = fleet.asked().values()
    fleet.says(FAILED, first)
    assert fleet.asked() == {}
    fleet.hand.after(5)
    (second,) = fleet.asked().values()
    assert second.id != first.id
    fleet.says(FAILED, first)  # late, and twice
    assert fleet.state is RolloutState.RUNNING
    fleet.says(FAILED, second)
    assert fleet.state is RolloutState.STOPPED
    (failure,) = fleet.progress.failures
    assert failure.hostname == "a1"
    assert failure.why == "a health check failed: systemctl is-active nginx: exit 3, 2 times"
    assert failure.check == FailedCheck(command="systemctl is-active nginx", code=3, output="inactive")
    assert fleet.take() == set()


def test_within_the_budget_the_others_go_on(fleet: Asking) -> None:
    fleet.begun(ANSWERS, half={"failure_budget": 1}, canary={"health": ()})
    fleet.take()
    fleet.answer("a1")
    assert fleet.take() == {"b1", "b2", "b3"}
    fleet.answer("b1", "b2", "b3")
    asked = fleet.asked()
    fleet.says(FAILED, asked["b2"])
    fleet.says(PASSED, asked["b1"], asked["b3"])
    assert fleet.take() == {"c1", "c2"}
    # Its next run is good: it is asked again, and comes good.
    fleet.answer("b2")
    again = fleet.asked()["b2"]
    assert again.id != asked["b2"].id
    fleet.says(PASSED, again)
    assert fleet.counts[1] == (3, 0, 0)


def test_checks_of_a_host_follow_one_another(fleet: Asking) -> None:
    fleet.begun(ACTIVE, ANSWERS)
    fleet.take()
    fleet.answer("a1")
    first = fleet.asked()["a1"]
    fleet.says(PASSED, first, first)
    second = fleet.asked()["a1"]
    assert (first.check, second.check) == (ACTIVE, ANSWERS)
    assert fleet.take() == set()
    fleet.says(PASSED, second)
    assert fleet.take() == {"b1", "b2", "b3"}


def test_addresses_are_asked_when_all_hosts_are_well(fleet: Asking) -> None:
    fleet.begun(HealthCheck(url="https://x.example.com/"), ACTIVE)
    fleet.take()
    fleet.answer("a1")
    assert fleet.hand.take(effects.CheckHealth) == []
    fleet.says(PASSED, *fleet.asked().values())
    asked = fleet.hand.one(effects.CheckHealth)
    assert [check.url for check in asked.checks] == ["https://x.example.com/"]


def test_nobody_is_asked_before_it_is_on_record(fleet: Asking) -> None:
    fleet.begun()
    fleet.take()
    fleet.hand.keeps = False
    fleet.answer("a1")
    assert fleet.asked() == {}
    newest = fleet.hand.kept[-1]
    assert newest.progress.waves[0].probes == 1
    fleet.hand.tell(events.RolloutKept(newest.rollout_id, newest.version))
    assert set(fleet.asked()) == {"a1"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer("timed_out"), "it did not end within 10 s"),
        (Answer("interrupted"), "the agent ended while it ran"),
        (Answer("refused", None, "unapproved: nobody"), "refused by the agent: unapproved: nobody"),
        (Answer("failed", None, "there is no program curl"), "it could not be run: there is no program curl"),
        (Answer("failed", -9), "ended by signal 9"),
        (Answer(UNABLE, None, "its agent is too old"), "its agent is too old"),
    ],
)
def test_it_says_what_went_wrong(fleet: Asking, answer: Answer, said: str) -> None:
    fleet.begun(ANSWERS)
    fleet.take()
    fleet.answer("a1")
    fleet.says(answer, *fleet.asked().values())
    assert fleet.progress.failures[0].why == f"a health check failed: curl -sf http://localhost/: {said}"


def test_an_agent_that_is_too_old_is_not_asked_again(fleet: Asking) -> None:
    fleet.begun()
    fleet.take()
    fleet.answer("a1")
    fleet.says(Answer(UNABLE, None, "its agent is too old"), *fleet.asked().values())
    assert fleet.state is RolloutState.STOPPED


def test_who_went_away_is_asked_again_for_the_same_attempt(fleet: Asking) -> None:
    fleet.begun()
    fleet.take()
    fleet.answer("a1")
    first = fleet.asked()["a1"]
    fleet.hand.tell(events.EnvoyDisconnected("a1", 1))
    fleet.hand.tell(events.Faulted(first, "probes.unanswered", "gone", Next.BACK_OFF))
    fleet.hand.after(20)
    assert fleet.asked() == {}
    held = fleet.held["a1"]
    fleet.hand.connect("a1", held.order, held, connection=2)
    assert fleet.asked()["a1"].id == first.id
    # Not heard of it, though it is there: a little later again.
    fleet.hand.tell(events.Faulted(first, "probes.unanswered", "busy", Next.BACK_OFF))
    fleet.hand.after(3)
    again = fleet.asked()["a1"]
    assert again.id == first.id
    fleet.says(PASSED, again)
    assert fleet.take() == {"b1", "b2", "b3"}


@pytest.mark.parametrize("there", [True, False])
def test_who_does_not_answer_in_the_checks_time_has_failed(fleet: Asking, there: bool) -> None:
    fleet.begun()
    fleet.take()
    fleet.answer("a1")
    if not there:
        fleet.hand.tell(events.EnvoyDisconnected("a1", 1))
    fleet.hand.after(ACTIVE.patience_s + 29)
    assert fleet.state is RolloutState.RUNNING
    fleet.hand.after(2)
    assert fleet.state is RolloutState.STOPPED
    said = "no answer in time" + ("" if there else ": it is not connected")
    assert fleet.progress.failures[0].why == f"a health check failed: systemctl is-active nginx: {said}"


def test_a_failed_run_ends_the_asking(fleet: Asking) -> None:
    fleet.begun()
    fleet.take()
    fleet.answer("a1")
    probe = fleet.asked()["a1"]
    fleet.fail("a1")
    assert fleet.state is RolloutState.STOPPED
    fleet.says(PASSED, probe)
    assert fleet.counts[0] == (0, 0, 1)


def test_a_promoted_wave_asks_nobody(fleet: Asking) -> None:
    fleet.begun()
    fleet.take()
    fleet.answer("a1")
    assert fleet.asked()
    fleet.hand.tell(events.RolloutAsked(0, Asked(promoted=frozenset({0}))))
    assert fleet.take() == {"b1", "b2", "b3"}
    fleet.answer("b1")
    assert set(fleet.asked()) == {"b1"}
    fleet.hand.tell(events.RolloutAsked(0, Asked(promoted=frozenset({0, 1}))))
    fleet.answer("b2", "b3")
    assert fleet.asked() == {}
    assert fleet.counts[:2] == [(1, 0, 0), (3, 0, 0)]


def test_a_paused_rollout_goes_on_asking_whom_it_has_released(fleet: Asking) -> None:
    fleet.begun()
    fleet.take()
    fleet.hand.tell(events.RolloutAsked(0, Asked(paused=True)))
    fleet.answer("a1")
    fleet.says(FAILED, *fleet.asked().values())
    fleet.hand.after(6)
    fleet.says(PASSED, *fleet.asked().values())
    assert fleet.counts[0] == (1, 0, 0)
    assert fleet.take() == set()


def quarantined(fleet: Asking, *names: str) -> None:
    fleet.hand.tell(events.HoldsChanged(Holds([hold(name, HoldKind.QUARANTINE) for name in names])))


def test_who_is_in_quarantine_is_asked_nothing_and_not_waited_for(fleet: Asking) -> None:
    fleet.begun(canary={"health": ()}, half={"max_in_flight": 2})
    fleet.take()
    fleet.answer("a1")
    assert fleet.take() == {"b1", "b2"}
    fleet.answer("b1", "b2")
    asked = fleet.asked()
    quarantined(fleet, "b1")
    assert fleet.counts[1] == (0, 1, 0)
    assert fleet.take() == {"b3"}, "it keeps no place"
    fleet.says(PASSED, asked["b1"], asked["b2"])  # whatever it says
    assert fleet.counts[1] == (1, 0, 0)
    fleet.hand.after(600)
    assert fleet.asked() == {}
    fleet.answer("b3")
    fleet.says(PASSED, *fleet.asked().values())
    assert fleet.take() == {"c1", "c2"}, "the wave is through without it"
    assert fleet.counts[1] == (2, 0, 0)
    quarantined(fleet)
    (anew,) = fleet.asked().values()
    assert anew.hostname == "b1"
    assert anew.id != asked["b1"].id
    fleet.says(PASSED, anew)
    assert fleet.counts[1] == (3, 0, 0)


def test_who_comes_into_quarantine_before_it_answers_is_asked_when_that_ends(fleet: Asking) -> None:
    fleet.begun(canary={"health": ()})
    fleet.take()
    fleet.answer("a1")
    assert fleet.take() == {"b1", "b2", "b3"}
    quarantined(fleet, "b1")
    fleet.answer("b1", "b2", "b3")
    asked = fleet.asked()
    assert set(asked) == {"b2", "b3"}
    fleet.says(PASSED, *asked.values())
    assert fleet.take() == {"c1", "c2"}
    quarantined(fleet)
    assert set(fleet.asked()) == {"b1"}


def test_who_goes_away_and_is_then_put_in_quarantine_fails_no_check(fleet: Asking) -> None:
    fleet.begun(canary={"health": ()})
    fleet.take()
    fleet.answer("a1")
    fleet.take()
    fleet.answer("b1", "b2", "b3")
    asked = fleet.asked()
    fleet.hand.tell(events.EnvoyDisconnected("b1", 1))
    quarantined(fleet, "b1")
    fleet.says(PASSED, asked["b2"], asked["b3"])
    assert fleet.take() == {"c1", "c2"}
    fleet.hand.after(3_600)
    assert fleet.counts[1] == (2, 0, 0)


def test_only_so_many_are_asked_at_once() -> None:
    fleet = Asking(by_hand(limits=Limits(rollouts=Patience(probes=2))))
    fleet.begun(canary={"health": ()})
    fleet.take()
    fleet.answer("a1")
    fleet.take()
    fleet.answer("b1", "b2", "b3")
    asked = fleet.asked()
    assert set(asked) == {"b1", "b2"}
    fleet.says(PASSED, asked["b1"])
    assert set(fleet.asked()) == {"b3"}


def test_a_retry_runs_the_host_anew_and_asks_it_anew(fleet: Asking) -> None:
    fleet.begun(ANSWERS)
    fleet.take()
    fleet.answer("a1")
    first = fleet.asked()["a1"]
    fleet.says(FAILED, first)
    assert fleet.state is RolloutState.STOPPED
    fleet.hand.now += 1
    fleet.hand.tell(events.RolloutAsked(0, Asked(retries=1)))
    assert fleet.take() == {"a1"}
    fleet.answer("a1")
    second = fleet.asked()["a1"]
    assert second.id != first.id
    assert fleet.progress.waves[0].probes == 2
    fleet.says(PASSED, second)
    assert fleet.take() == {"b1", "b2", "b3"}


def test_after_a_restart_the_wave_under_way_is_asked_anew_and_no_other(fleet: Asking) -> None:
    fleet.begun(half={"failure_budget": 2})
    fleet.take()
    fleet.answer("a1")
    fleet.says(PASSED, *fleet.asked().values())
    fleet.take()
    fleet.answer("b1", "b2", "b3")
    asked = fleet.asked()
    fleet.says(Answer(UNABLE, None, "its agent is too old"), asked["b1"])
    fleet.says(PASSED, asked["b2"])
    verdicts = {name: Verdict(Order(1, 2), healthy=True) for name in ("a1", "b1", "b2", "b3")}
    plan_ = rollout("c2", "c1", health=(ACTIVE,), half={"failure_budget": 2})
    kept = Kept(0, "c2", plan_, fleet.progress, version=9, everyone=False, verdicts=verdicts)
    again = Asking.__new__(Asking)
    again.hand, again.held = by_hand(in_force="c2", past=Past("c1", frozenset({"c2"}), kept)), fleet.held
    again.hand.now = 1.0
    again.hand.put_in_force(staged("c2", "two"))
    assert again.counts[:2] == [(1, 0, 0), (0, 2, 1)]
    assert again.hand.kept[-1].progress.waves[1].probes == 2, "that they are asked again is on record too"
    for name in HOSTS[:4]:
        held = fleet.held[name]
        again.hand.connect(name, held.order, held)
    found = again.asked()
    assert set(found) == {"b2", "b3"}
    assert {probe.id for probe in found.values()}.isdisjoint(probe.id for probe in asked.values())
    again.says(PASSED, *found.values())
    assert again.counts[1] == (2, 0, 1)
    assert again.hand.kept[-1].progress.waves[1].state is WaveState.DONE

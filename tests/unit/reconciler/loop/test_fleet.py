"""What becomes of an envoy: assigned when something differs, pushed while it is there, and never in another's way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.loop import Limits, effects, events
from reconciler.loop.envoys import Need
from reconciler.ports import Order
from schema.errors import Next
from schema.protocol.reports import RunStatus
from schema.time import SECOND
from tests.unit.reconciler.loop.conftest import LIFE, FixedPlan, Hand


def test_an_envoy_is_assigned_and_pushed_once(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    hand.connect("web")
    hand.put_in_force(plan("c1", web="a"))
    assign = hand.one(effects.Assign)
    assert (assign.envoy_id, assign.commit, assign.secrets, assign.secrets_key) == ("web", "c1", (), "")
    made = hand.make(assign)
    assert hand.one(effects.Push) == effects.Push("web", made.order)
    hand.tell(events.Pushed("web", made.order))
    hand.accept("web", made)
    hand.accept("web", made)
    hand.after(3600)
    assert hand.effects == []
    assert hand.core.status(hand.moment).envoys[Need.NOTHING] == 1


def test_a_commit_concerns_those_alone_whose_catalog_it_changes(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    for name in ("web", "db"):
        hand.connect(name)
    hand.put_in_force(plan("c1", web="a", db="b"))
    for assign in hand.take(effects.Assign):
        hand.accept(assign.envoy_id, hand.make(assign))
    hand.effects.clear()
    hand.put_in_force(plan("c2", web="a2", db="b"))
    assert hand.one(effects.Assign).envoy_id == "web"


def test_with_a_pinned_plan_every_commit_that_changes_the_plan_concerns_all(
    by: Callable[..., Hand], plan: Callable[..., FixedPlan]
) -> None:
    hand = by(limits=Limits(pin_plan=True))
    hand.connect("db")
    hand.put_in_force(plan("c1", web="a", db="b"))
    hand.accept("db", hand.make(hand.one(effects.Assign)))
    hand.put_in_force(plan("c2", web="a2", db="b"))
    assert hand.one(effects.Assign).plan_root == plan("c2").plan_root


def test_an_envoy_that_is_not_connected_is_left_alone_until_it_is(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    hand.connect("web")
    hand.put_in_force(plan("c1", web="a"))
    made = hand.make(hand.one(effects.Assign))
    hand.accept("web", made)
    hand.effects.clear()
    hand.tell(events.EnvoyDisconnected("web", 1))
    hand.put_in_force(plan("c2", web="b"))
    hand.after(3600)
    assert hand.effects == []
    hand.connect("web", made.order, made, connection=2)
    newer = hand.make(hand.one(effects.Assign), 2)
    assert hand.one(effects.Push) == effects.Push("web", newer.order)


def test_what_the_welcome_carried_is_not_pushed_again(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    hand.put_in_force(plan("c1", web="a"))
    hand.connect("web")
    made = hand.make(hand.one(effects.Assign))
    hand.tell(events.EnvoyDisconnected("web", 1))
    hand.effects.clear()
    hand.connect("web", None, made, connection=2)
    assert hand.effects == []


def test_a_goodbye_from_an_older_connection_is_told_apart(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    hand.connect("web", connection=1)
    hand.connect("web", connection=2)
    hand.tell(events.EnvoyDisconnected("web", 1))
    hand.connect("web", connection=1)
    hand.put_in_force(plan("c1", web="a"))
    assert hand.one(effects.Assign).envoy_id == "web"


def test_an_assignment_made_while_the_envoy_was_away_reaches_it_when_it_returns(
    hand: Hand, plan: Callable[..., FixedPlan]
) -> None:
    hand.connect("web")
    hand.put_in_force(plan("c1", web="a"))
    assign = hand.one(effects.Assign)
    hand.tell(events.EnvoyDisconnected("web", 1))
    # It is back before the answer, and the store was read before that too.
    hand.connect("web", None, None, connection=2)
    assert hand.effects == []
    made = hand.make(assign)
    assert hand.effects == [effects.Push("web", made.order)]


def test_a_push_that_failed_says_nothing_of_the_next_connection(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    hand.connect("web")
    hand.put_in_force(plan("c1", web="a"))
    made = hand.make(hand.one(effects.Assign))
    push = hand.one(effects.Push)
    # "Not connected" is a fault of the kind that is never tried again; but the envoy is there again already.
    hand.tell(events.Faulted(push, "not_found", "not connected", Next.NEVER))
    hand.after(1)
    assert hand.one(effects.Push).order == made.order


def test_an_answer_that_comes_late_does_not_take_the_place_of_a_newer_one(
    hand: Hand, plan: Callable[..., FixedPlan]
) -> None:
    hand.connect("web")
    hand.put_in_force(plan("c1", web="a"))
    first = hand.one(effects.Assign)
    hand.after(35)
    newer = hand.make(hand.one(effects.Assign), 2)
    hand.tell(events.Pushed("web", newer.order))
    hand.accept("web", newer)
    hand.effects.clear()
    hand.make(first, 1)
    hand.after(3600)
    assert hand.effects == []
    assert hand.core.status(hand.moment).envoys[Need.NOTHING] == 1


def test_a_push_may_carry_a_newer_assignment_than_was_asked_for(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    hand.connect("web")
    hand.put_in_force(plan("c1", web="a"))
    hand.make(hand.one(effects.Assign), 1)
    hand.put_in_force(plan("c2", web="b"))
    second = hand.one(effects.Assign)
    hand.effects.clear()
    # The second is in the store already when the first is pushed; the answers come the other way round.
    hand.tell(events.Pushed("web", Order(1, 2)))
    hand.make(second, 2)
    assert hand.effects == []
    hand.after(60)
    assert hand.effects == []


def test_an_answer_to_what_was_asked_before_does_not_end_what_is_asked_now(
    hand: Hand, plan: Callable[..., FixedPlan]
) -> None:
    hand.connect("web")
    hand.put_in_force(plan("c1", web="a"))
    first = hand.one(effects.Assign)
    hand.after(29)
    hand.put_in_force(plan("c2", web="b"))
    hand.after(5)
    assert hand.one(effects.Assign).commit == "c2"
    hand.make(first, 1)
    assert hand.effects == []


def test_an_envoy_that_is_back_before_its_goodbye_gets_what_its_welcome_did_not_carry(
    hand: Hand, plan: Callable[..., FixedPlan]
) -> None:
    hand.connect("web")
    hand.put_in_force(plan("c1", web="a"))
    made = hand.make(hand.one(effects.Assign))
    hand.tell(events.Pushed("web", made.order))
    hand.effects.clear()
    hand.connect("web", None, None, connection=2)
    assert hand.one(effects.Push).order == made.order


def test_a_newer_plan_overtakes_what_has_not_been_pushed(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    hand.connect("web")
    hand.put_in_force(plan("c1", web="a"))
    first = hand.one(effects.Assign)
    hand.put_in_force(plan("c2", web="b"))
    assert hand.take(effects.Assign) == []
    hand.make(first, 1)
    # What c1 meant for it is durable and already old: it is never sent.
    assert hand.take(effects.Push) == []
    second = hand.one(effects.Assign)
    assert second.commit == "c2"
    made = hand.make(second, 2)
    assert hand.one(effects.Push).order == made.order


def test_a_host_that_nothing_matches_keeps_what_it_has(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    hand.connect("web")
    hand.put_in_force(plan("c1", web="a"))
    hand.accept("web", hand.make(hand.one(effects.Assign)))
    hand.effects.clear()
    hand.put_in_force(plan("c2", db="b"))
    hand.after(LIFE / SECOND)
    assert hand.effects == []
    assert hand.core.status(hand.moment).envoys[Need.UNMATCHED] == 1


def test_an_assignment_is_renewed_before_half_of_its_life_is_over(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    hand.connect("web")
    hand.put_in_force(plan("c1", web="a"))
    hand.accept("web", hand.make(hand.one(effects.Assign)))
    hand.effects.clear()
    for _ in range(10_000):
        if not hand.effects:
            hand.after(10)
    assert hand.now == pytest.approx(0.45 * LIFE / SECOND, abs=10)
    renewed = hand.one(effects.Assign)
    assert renewed.commit == "c1"
    hand.accept("web", hand.make(renewed, 2))
    hand.after(0.4 * LIFE / SECOND)
    assert hand.take(effects.Assign) == []


def test_a_rotated_secret_concerns_those_alone_that_are_entitled_to_it(
    by: Callable[..., Hand], plan: Callable[..., FixedPlan]
) -> None:
    hand = by(secrets={"db": 1, "tls": 7})
    for name in ("web", "db"):
        hand.connect(name)
    hand.put_in_force(plan("c1", web="a tls", db="b db tls"))
    by_name = {assign.envoy_id: assign for assign in hand.take(effects.Assign)}
    assert by_name["db"].secrets == (("db", 1), ("tls", 7))
    for name, assign in by_name.items():
        hand.accept(name, hand.make(assign))
    hand.effects.clear()
    hand.tell(events.SecretsChanged({"db": 2, "unrelated": 1}))
    rotated = hand.one(effects.Assign)
    assert (rotated.envoy_id, rotated.secrets) == ("db", (("db", 2), ("tls", 7)))
    assert rotated.secrets_key != by_name["db"].secrets_key
    # An older version that is told late is no change.
    hand.accept("db", hand.make(rotated, 2))
    hand.tell(events.SecretsChanged({"db": 1}))
    assert hand.take(effects.Assign) == []


def test_without_a_secret_an_envoy_waits_and_says_for_which(
    by: Callable[..., Hand], plan: Callable[..., FixedPlan]
) -> None:
    hand = by(secrets={"tls": 1})
    hand.connect("web")
    hand.put_in_force(plan("c1", web="a db tls"))
    assert hand.effects == []
    assert hand.core.stalled("web") == "no such secret: db"
    assert hand.core.status(hand.moment).envoys[Need.STALLED] == 1
    hand.tell(events.SecretsChanged({"db": 1}))
    hand.accept("web", hand.make(hand.one(effects.Assign)))
    assert hand.core.stalled("web") == ""
    hand.effects.clear()
    hand.tell(events.SecretsChanged({"db": None}))
    hand.after(3600)
    assert hand.effects == []


def test_one_bad_envoy_backs_off_alone(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    for name in ("bad", "good"):
        hand.connect(name)
    hand.put_in_force(plan("c1", bad="a", good="a"))
    bad, good = hand.take(effects.Assign)
    hand.accept("good", hand.make(good))
    hand.effects = [bad]
    waits = []
    for _ in range(12):
        assign = hand.one(effects.Assign)
        hand.tell(events.Faulted(assign, "x.down", "down", Next.BACK_OFF))
        began = hand.now
        for _ in range(10_000):
            if not hand.effects:
                hand.after(0.25)
        waits.append(hand.now - began)
    assert waits[:5] == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == 300.0
    hand.make(hand.one(effects.Assign))
    assert hand.one(effects.Push).envoy_id == "bad"


@pytest.mark.parametrize(
    ("kind", "retry_after_s", "expected"),
    [(Next.AFTER, 7.0, 7.0 * 1.05), (Next.BACK_OFF, None, 0.5), (Next.NEVER, None, None), (Next.ON_COMMIT, None, None)],
)
def test_the_kind_of_a_fault_says_when_to_try_again(
    hand: Hand, plan: Callable[..., FixedPlan], kind: Next, retry_after_s: float | None, expected: float | None
) -> None:
    hand.connect("web")
    hand.put_in_force(plan("c1", web="a"))
    hand.tell(events.Faulted(hand.one(effects.Assign), "x", "its key is broken", kind, retry_after_s))
    if expected is not None:
        hand.after(expected - 0.01)
        assert hand.effects == []
        hand.after(0.02)
        assert hand.one(effects.Assign).envoy_id == "web"
        return
    hand.after(2 * 3600)
    assert hand.effects == []
    assert hand.core.stalled("web") == "its key is broken"
    # The next commit that says the same of it is tried only where a commit can help.
    hand.put_in_force(plan("c2", web="a", other="x"))
    assert len(hand.take(effects.Assign)) == (1 if kind is Next.ON_COMMIT else 0)
    hand.put_in_force(plan("c3", web="b"))
    assert len(hand.take(effects.Assign)) == (0 if kind is Next.ON_COMMIT else 1)


def test_what_is_under_way_is_bounded_and_those_that_failed_take_a_quarter(
    by: Callable[..., Hand], plan: Callable[..., FixedPlan]
) -> None:
    hand = by(limits=Limits(assigning=8, pushing=8))
    names = [f"bad{n}" for n in range(20)] + [f"good{n}" for n in range(20)]
    for name in names[:20]:
        hand.connect(name)
    hand.put_in_force(plan("c1", **dict.fromkeys(names, "a")))
    assert len(hand.effects) == 8
    while first := hand.take(effects.Assign):
        for assign in first:
            hand.tell(events.Faulted(assign, "x", "x", Next.AFTER, 100.0))
    hand.after(106)
    # All twenty failed once and are due; two of eight places are theirs.
    retried = hand.take(effects.Assign)
    assert len(retried) == 2
    for name in names[20:]:
        hand.connect(name)
    healthy = hand.take(effects.Assign)
    assert len(healthy) == 6
    assert all(assign.envoy_id.startswith("good") for assign in healthy)
    for assign in healthy:
        hand.make(assign)
    assert len(hand.take(effects.Assign)) == 6
    assert len(hand.take(effects.Push)) == 6


def test_an_effect_that_is_never_answered_frees_its_place(
    by: Callable[..., Hand], plan: Callable[..., FixedPlan]
) -> None:
    hand = by(limits=Limits(assigning=1, assign_s=5))
    for name in ("web", "db"):
        hand.connect(name)
    hand.put_in_force(plan("c1", web="a", db="b"))
    assert hand.one(effects.Assign).envoy_id == "web"
    hand.after(5)
    assert hand.one(effects.Assign).envoy_id == "db"


def test_an_envoy_that_says_nothing_is_handed_its_assignment_again_ever_more_rarely(
    by: Callable[..., Hand], plan: Callable[..., FixedPlan]
) -> None:
    hand = by(limits=Limits(acknowledge_s=100))
    hand.connect("web")
    hand.put_in_force(plan("c1", web="a"))
    made = hand.make(hand.one(effects.Assign))
    pushed_at = []
    for _ in range(2000):
        for push in hand.take(effects.Push):
            pushed_at.append(hand.now)
            hand.tell(events.Pushed("web", push.order))
        hand.after(1)
    assert pushed_at == [0, 100, 300, 700, 1500]
    hand.accept("web", made)
    hand.after(7200)
    assert hand.take(effects.Push) == []


@pytest.mark.parametrize(
    ("code", "again"),
    [("rollback", False), ("foreign", False), ("format", False), ("signature", True), ("expired", True)],
)
def test_a_refusal_is_followed_by_another_assignment_where_that_can_help(
    hand: Hand, plan: Callable[..., FixedPlan], code: str, *, again: bool
) -> None:
    hand.connect("web")
    hand.put_in_force(plan("c1", web="a"))
    made = hand.make(hand.one(effects.Assign))
    hand.tell(events.Pushed("web", made.order))
    refused = events.RefusedByEnvoy("web", made.assignment_sha256, code)
    hand.effects.clear()
    hand.tell(refused, refused)
    assert hand.effects == []
    assert (hand.core.stalled("web") == "") is again
    hand.after(1)
    first = hand.take(effects.Assign)
    assert len(first) == (1 if again else 0)
    if again:
        # Refused again and again, it is tried more and more rarely.
        hand.effects += first
        count = 0
        for generation in range(2, 60):
            for assign in [*hand.take(effects.Assign)]:
                count += 1
                newer = hand.make(assign, generation)
                hand.tell(events.RefusedByEnvoy("web", newer.assignment_sha256, code))
            hand.after(60)
        assert count < 20


def test_a_report_that_refuses_is_a_refusal_and_one_that_failed_is_not(
    hand: Hand, plan: Callable[..., FixedPlan]
) -> None:
    hand.connect("web")
    hand.put_in_force(plan("c1", web="a"))
    made = hand.make(hand.one(effects.Assign))
    report = events.Reported("web", made.order, made.assignment_sha256, made.commit, RunStatus.FAILED)
    hand.tell(events.Pushed("web", made.order), report)
    hand.effects.clear()
    hand.after(1200)
    assert hand.effects == []


def test_an_envoy_that_has_seen_more_than_the_store_is_not_counted_up_to(
    hand: Hand, plan: Callable[..., FixedPlan]
) -> None:
    hand.put_in_force(plan("c1", web="a"))
    hand.connect("web")
    old = hand.make(hand.one(effects.Assign), 3)
    hand.tell(events.EnvoyDisconnected("web", 1))
    hand.effects.clear()
    # The store was restored to yesterday: it knows generation 3, the envoy holds 9.
    hand.connect("web", Order(1, 9), old, connection=2)
    hand.put_in_force(plan("c2", web="b"))
    hand.after(60)
    assert hand.effects == []
    assert hand.core.stalled("web") == "it holds a newer assignment than this server knows of"
    # A new epoch ends that: its first assignment is newer than anything.
    hand.tell(events.EnvoyDisconnected("web", 2))
    hand.connect("web", Order(1, 9), old._replace(order=Order(2, 1)), connection=3)
    assert hand.one(effects.Assign).commit == "c2"


def test_a_removed_envoy_is_forgotten(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    hand.connect("web")
    hand.put_in_force(plan("c1", web="a"))
    assign = hand.one(effects.Assign)
    hand.tell(events.EnvoyRemoved("web"), events.AssignmentMade("web", hand.assigned(assign, 1)))
    hand.tell(events.Pushed("web", Order(1, 1)), events.Faulted(assign, "x", "x", Next.BACK_OFF))
    hand.after(3600)
    assert hand.effects == []
    assert sum(hand.core.status(hand.moment).envoys.values()) == 0


def test_a_wall_clock_that_jumps_does_no_harm(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    hand.connect("web")
    hand.put_in_force(plan("c1", web="a"))
    hand.accept("web", hand.make(hand.one(effects.Assign)))
    hand.effects.clear()
    # Ten years back, then ten years on: the first renews nothing, the second renews once.
    from reconciler.loop import Moment

    decade = 10 * 365 * 24 * 3600 * SECOND
    for wall, expected in ((hand.moment.wall - decade, 0), (hand.moment.wall + decade, 1)):
        found = hand.core.handle(events.EnvoyConnected("web", "web", 2, Order(1, 1), None), Moment(wall, hand.now))
        assert len([effect for effect in found if isinstance(effect, effects.Assign)]) == expected

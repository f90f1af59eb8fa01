"""What becomes of a commit: in force, refused, put off; and what that does to the next."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.loop import Limits, effects, events
from reconciler.loop.steps import ASSIGN, COMPILE, PUBLISH, PUSH, REFUSE, STEPS, step_of
from schema.diagnostics import Diagnostic
from schema.errors import Next
from schema.revisions import RevisionState
from tests.unit.reconciler.loop.conftest import FixedPlan, Hand

BAD = (Diagnostic(code="yaml.syntax", file="a.vgo", message="bad"),)


def test_a_good_commit_is_compiled_put_in_force_and_only_then_desired(
    hand: Hand, plan: Callable[..., FixedPlan]
) -> None:
    hand.connect("web")
    hand.tell(events.RefMoved("c1"))
    assert hand.one(effects.Compile) == effects.Compile("c1", None)
    made = plan("c1", web="a")
    hand.tell(events.Compiled(made))
    assert hand.one(effects.PutInForce) == effects.PutInForce(made)
    assert hand.effects == []
    hand.tell(events.InForce("c1"))
    assert hand.one(effects.Assign).commit == "c1"
    status = hand.core.status(hand.moment)
    assert (status.in_force, status.tip, status.pending, status.failed) == ("c1", "c1", None, None)


def test_a_bad_commit_is_recorded_and_the_good_one_stays(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    hand.put_in_force(plan("c1", web="a"))
    hand.tell(events.RefMoved("c2"))
    assert hand.one(effects.Compile) == effects.Compile("c2", "c1")
    hand.tell(events.CompileFailed("c2", BAD))
    assert hand.one(effects.RecordFailure) == effects.RecordFailure("c2", RevisionState.FAILED, BAD)
    status = hand.core.status(hand.moment)
    assert (status.in_force, status.failed, status.failure, status.diagnostics) == (
        "c1",
        "c2",
        RevisionState.FAILED,
        BAD,
    )
    # Told again, it is not judged again; asked for, it is.
    hand.tell(events.RefMoved("c2"), events.Tick())
    assert hand.effects == []
    hand.tell(events.Reload())
    assert hand.one(effects.Compile) == effects.Compile("c2", "c1")


def test_a_newer_commit_takes_the_place_of_one_that_has_not_begun(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    hand.tell(events.RefMoved("c1"), events.RefMoved("c2"), events.RefMoved("c3"))
    assert hand.one(effects.Compile).commit == "c1"
    assert hand.core.status(hand.moment).pending == "c3"
    hand.tell(events.CompileFailed("c1", BAD))
    assert hand.one(effects.Compile).commit == "c3"
    hand.tell(events.Compiled(plan("c3", web="a")), events.InForce("c3"))
    assert hand.core.status(hand.moment).in_force == "c3"


def test_a_ref_that_goes_back_to_what_is_in_force_is_healthy_again(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    first = plan("c1", web="a")
    hand.put_in_force(first)
    hand.tell(events.RefMoved("c2"), events.CompileFailed("c2", BAD), events.Recorded("c2"))
    hand.effects.clear()
    hand.tell(events.RefMoved("c1"))
    # Nothing to compile, but the record's newest entry is the failure.
    assert hand.effects == [effects.PutInForce(first)]
    hand.tell(events.InForce("c1"))
    assert hand.core.status(hand.moment).failed is None


def test_a_rewound_ref_is_diverged_until_somebody_accepts_it(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    hand.put_in_force(plan("c2", web="a"))
    hand.tell(events.RefMoved("c1"))
    assert hand.one(effects.Compile).base == "c2"
    hand.tell(events.Diverged("c1", "c2"))
    assert hand.one(effects.RecordFailure).state is RevisionState.DIVERGED
    hand.tell(events.Recorded("c1"))
    hand.after(3600)
    assert hand.effects == []
    hand.tell(events.Accepted("c1"))
    assert hand.one(effects.Compile) == effects.Compile("c1", None)
    hand.tell(events.Compiled(plan("c1", web="b")), events.InForce("c1"))
    assert hand.core.status(hand.moment).failure is None
    # It was accepted once, not for ever.
    hand.tell(events.RefMoved("c0"))
    assert hand.take(effects.Compile)[-1].base == "c1"


def test_an_untrusted_commit_waits_until_it_is_judged_anew(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    hand.put_in_force(plan("c1", web="a"))
    hand.tell(events.RefMoved("c2"), events.Untrusted("c2", BAD))
    assert hand.one(effects.Compile).base == "c1"
    assert hand.take(effects.RecordFailure)[-1] == effects.RecordFailure("c2", RevisionState.UNTRUSTED, BAD)
    hand.tell(events.Recorded("c2"))
    assert hand.core.status(hand.moment).failure is RevisionState.UNTRUSTED
    hand.after(3600)
    assert hand.effects == []
    hand.tell(events.Reload())
    assert hand.one(effects.Compile) == effects.Compile("c2", "c1")
    hand.tell(events.Compiled(plan("c2", web="b")), events.InForce("c2"))
    assert hand.core.status(hand.moment).failure is None


def test_a_compiler_that_is_not_there_is_asked_again_later_and_later(hand: Hand) -> None:
    hand.tell(events.RefMoved("c1"))
    waits = []
    for _ in range(9):
        compiling = hand.one(effects.Compile)
        hand.tell(events.Faulted(compiling, "x.down", "down", Next.BACK_OFF))
        assert hand.wake_at is not None
        waits.append(hand.wake_at - hand.now)
        hand.after(waits[-1])
    # Half of full jitter, since the random here is 0.5: 1, 2, 4 ... 60 s.
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_a_newer_commit_does_not_wait_out_the_back_off_of_an_older_one(hand: Hand) -> None:
    hand.tell(events.RefMoved("c1"))
    for _ in range(6):
        hand.tell(events.Faulted(hand.one(effects.Compile), "x.down", "down", Next.BACK_OFF))
        hand.after(60)
    hand.tell(events.Faulted(hand.one(effects.Compile), "x.down", "down", Next.BACK_OFF))
    hand.tell(events.RefMoved("c2"))
    assert hand.one(effects.Compile).commit == "c2"


def test_a_fault_that_only_a_commit_can_mend_is_a_failed_commit(hand: Hand) -> None:
    hand.tell(events.RefMoved("c1"))
    hand.tell(events.Faulted(hand.one(effects.Compile), "repository.tree_refused", "too large", Next.ON_COMMIT))
    failure = hand.one(effects.RecordFailure)
    assert (failure.state, failure.diagnostics[0].code) == (RevisionState.FAILED, "repository.tree_refused")
    hand.tell(events.Recorded("c1"))
    hand.after(3600)
    assert hand.effects == []


def test_a_commit_that_compiles_for_ever_does_not_hold_up_its_fix(
    by: Callable[..., Hand], plan: Callable[..., FixedPlan]
) -> None:
    hand = by(limits=Limits(compile_s=10))
    hand.tell(events.RefMoved("c1"))
    hand.take(effects.Compile)
    hand.after(5)
    hand.tell(events.RefMoved("c2"))
    assert hand.effects == []
    hand.after(5)
    assert hand.one(effects.Abandon).commit == "c1"
    assert hand.one(effects.RecordFailure).commit == "c1"
    assert hand.one(effects.Compile).commit == "c2"
    # What comes of the first after all is not heard.
    hand.tell(events.Recorded("c1"), events.Compiled(plan("c1", web="a")))
    assert hand.effects == []
    hand.tell(events.Compiled(plan("c2", web="a")))
    assert hand.one(effects.PutInForce).commit == "c2"


def test_a_commit_that_ran_out_of_time_is_tried_again_where_there_is_nothing_newer(
    by: Callable[..., Hand], plan: Callable[..., FixedPlan]
) -> None:
    hand = by(limits=Limits(compile_s=10))
    hand.tell(events.RefMoved("c1"))
    hand.take(effects.Compile)
    hand.after(10)
    hand.tell(events.Recorded("c1"))
    assert hand.core.status(hand.moment).failed == "c1"
    hand.after(10)
    assert hand.one(effects.Compile).commit == "c1"
    hand.tell(events.Compiled(plan("c1", web="a")), events.InForce("c1"))
    assert hand.core.status(hand.moment).failed is None


def test_after_a_restart_what_is_in_force_is_restored_before_the_tip_is_judged(
    by: Callable[..., Hand], plan: Callable[..., FixedPlan]
) -> None:
    hand = by(in_force="c1")
    hand.connect("web")
    hand.tell(events.RefMoved("c2"))
    assert hand.one(effects.Compile) == effects.Compile("c1", None, restore=True)
    hand.tell(events.Compiled(plan("c1", web="a")))
    # The record has it, and perhaps a failure after it: it is not to be recorded again.
    assert hand.one(effects.PutInForce).restore
    hand.tell(events.InForce("c1"))
    assert hand.one(effects.Assign).commit == "c1"
    assert hand.one(effects.Compile) == effects.Compile("c2", "c1")


def test_a_commit_in_force_that_cannot_be_restored_does_not_hold_up_the_tip(
    by: Callable[..., Hand], plan: Callable[..., FixedPlan]
) -> None:
    hand = by(in_force="c1")
    hand.tell(events.RefMoved("c2"))
    hand.tell(events.Faulted(hand.one(effects.Compile), "repository.damaged", "gone", Next.BACK_OFF))
    # While the restoring is put off, the tip has its turn.
    assert hand.one(effects.Compile) == effects.Compile("c2", "c1")
    hand.tell(events.CompileFailed("c2", BAD), events.Recorded("c2"))
    hand.take(effects.RecordFailure)
    hand.after(60)
    hand.tell(events.CompileFailed("c1", BAD))
    status = hand.core.status(hand.moment)
    assert (status.in_force, status.failed) == ("c1", "c2")
    hand.tell(events.RefMoved("c3"))
    assert [compiling.commit for compiling in hand.take(effects.Compile)][-1] == "c3"


def test_a_publication_without_an_answer_is_settled_before_anything_newer_is_judged(
    hand: Hand, plan: Callable[..., FixedPlan]
) -> None:
    hand.put_in_force(plan("c1", web="a"))
    second = plan("c2", web="b")
    hand.tell(events.RefMoved("c2"), events.Compiled(second))
    hand.take(effects.Compile)
    assert hand.one(effects.PutInForce).plan == second
    hand.tell(events.RefMoved("c3"))
    hand.after(31)
    # It may be in force in the store by now; c3 must not be compared with c1.
    again = hand.one(effects.PutInForce)
    assert again.plan == second
    assert hand.take(effects.Compile) == []
    hand.tell(events.Faulted(again, "x.down", "down", Next.BACK_OFF))
    assert hand.take(effects.Compile) == []
    hand.after(2)
    assert hand.one(effects.PutInForce).plan == second
    hand.tell(events.InForce("c2"))
    assert hand.one(effects.Compile) == effects.Compile("c3", "c2")


def test_a_publication_that_failed_gives_way_to_a_newer_commit(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    hand.tell(events.RefMoved("c1"), events.Compiled(plan("c1", web="a")))
    publishing = hand.one(effects.PutInForce)
    hand.tell(events.RefMoved("c2"))
    hand.take(effects.Compile)
    hand.tell(events.Faulted(publishing, "x.down", "down", Next.BACK_OFF))
    assert hand.one(effects.Compile).commit == "c2"


def test_one_thing_is_recorded_at_a_time_so_that_the_newest_in_the_record_is_the_newest(
    hand: Hand, plan: Callable[..., FixedPlan]
) -> None:
    hand.tell(events.RefMoved("c1"), events.CompileFailed("c1", BAD))
    recording = hand.one(effects.RecordFailure)
    hand.tell(events.RefMoved("c2"), events.Compiled(plan("c2", web="a")))
    hand.take(effects.Compile)
    # Were c1's failure recorded after c2 came into force, all would look bad that is well.
    assert hand.effects == []
    hand.after(1)
    hand.tell(events.Recorded("c1"))
    assert hand.one(effects.PutInForce).commit == "c2"
    hand.tell(events.InForce("c2"), events.Faulted(recording, "x", "late", Next.BACK_OFF))
    hand.after(3600)
    assert hand.take(effects.RecordFailure) == []


def test_a_record_that_hangs_holds_up_the_next_no_longer_than_its_time(
    hand: Hand, plan: Callable[..., FixedPlan]
) -> None:
    hand.tell(events.RefMoved("c1"), events.CompileFailed("c1", BAD), events.RefMoved("c2"))
    hand.tell(events.Compiled(plan("c2", web="a")))
    hand.effects.clear()
    hand.after(31)
    assert hand.one(effects.PutInForce).commit == "c2"
    # And the failure, now to be tried again, waits for that.
    assert hand.take(effects.RecordFailure) == []


@pytest.mark.parametrize("lost", [False, True])
def test_a_failure_that_could_not_be_recorded_is_recorded_later_unless_it_is_history(
    hand: Hand, plan: Callable[..., FixedPlan], *, lost: bool
) -> None:
    hand.tell(events.RefMoved("c1"), events.CompileFailed("c1", BAD))
    recording = hand.one(effects.RecordFailure)
    if not lost:
        hand.tell(events.Faulted(recording, "x.down", "down", Next.BACK_OFF))
    hand.after(40)
    assert hand.take(effects.RecordFailure)[0] == recording
    hand.put_in_force(plan("c2", web="a"))
    hand.after(600)
    assert hand.take(effects.RecordFailure) == []


def test_answers_about_other_commits_change_nothing(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    hand.put_in_force(plan("c1", web="a"))
    before = hand.core.status(hand.moment)
    hand.tell(
        events.Compiled(plan("c9", web="z")),
        events.CompileFailed("c9", BAD),
        events.Diverged("c9", "c1"),
        events.Untrusted("c9", BAD),
        events.InForce("c9"),
        events.Recorded("c9"),
        events.Faulted(effects.Compile("c9", None), "x", "x", Next.NEVER),
        events.Faulted(effects.PutInForce(plan("c9")), "x", "x", Next.NEVER),
    )
    assert hand.effects == []
    assert hand.core.status(hand.moment) == before


def test_a_ref_that_cannot_be_read_is_said_and_changes_nothing(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    hand.put_in_force(plan("c1", web="a"))
    hand.tell(events.FetchFailed("repository.fetch_failed", "silent"))
    assert hand.core.status(hand.moment).unreadable == "silent (repository.fetch_failed)"
    assert hand.core.status(hand.moment).in_force == "c1"
    hand.tell(events.Fetched())
    assert hand.core.status(hand.moment).unreadable == ""
    assert hand.effects == []


def test_a_secret_that_appears_lets_a_failed_commit_be_judged_again(hand: Hand) -> None:
    hand.tell(events.RefMoved("c1"), events.CompileFailed("c1", BAD))
    hand.take(effects.Compile)
    hand.tell(events.SecretsChanged({"db": 1}))
    assert hand.one(effects.Compile).commit == "c1"


def test_every_effect_but_waking_is_a_named_step(hand: Hand, plan: Callable[..., FixedPlan]) -> None:
    hand.connect("web")
    hand.tell(events.RefMoved("c1"))
    assert hand.core.status(hand.moment).step is COMPILE
    hand.tell(events.Compiled(plan("c1", web="a")))
    assert hand.core.status(hand.moment).step is PUBLISH
    hand.tell(events.InForce("c1"))
    assert hand.core.status(hand.moment).step is None
    hand.make(hand.take(effects.Assign)[0])
    hand.tell(events.RefMoved("c2"), events.CompileFailed("c2", BAD))
    named = {step_of(effect) for effect in hand.effects}
    assert named == {COMPILE, PUBLISH, REFUSE, PUSH}
    assert step_of(effects.WakeAt(1.0)) is None
    assert ASSIGN in STEPS
    assert len({step.name for step in STEPS}) == len(STEPS)

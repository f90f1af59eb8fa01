"""Holds and break-glass permissions, the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from api.services import audit, break_glass, enrolment, holds, revisions, rollouts
from api.services.container import Services
from api.services.work import Actor, NotAllowed, Work
from api.storage import envoys as envoy_rows
from api.storage.envoys import Known
from reconciler.holds import Pass
from schema.access import Role
from schema.holds import BreakGlass, BreakGlassOpen, Freeze, HoldCreate, HoldKind, Until
from schema.ids import DEFAULT_PROJECT, new_id
from schema.progress import WHOLE_PLAN, Progress, WaveProgress
from schema.rollouts import PlannedWave, RolloutPlan, RolloutState
from schema.time import HOUR
from tests.server import FakeClock

T = TypeVar("T")

ANN = Actor("user", "1", "ann", "token:1", Role.OPERATOR)
DEVELOPER = Actor("user", "2", "dev", "token:2", Role.DEVELOPER)
HOST = "web01.example.com"
COMMIT = "a" * 40


@pytest.fixture
def clock(services: Services) -> FakeClock:
    made = FakeClock()
    services.clock = made
    return made


@pytest.fixture
def envoy_id(services: Services, clock: FakeClock) -> str:
    known = Known(new_id(), HOST, "0" * 64, "1" * 64, enrolled_at=clock.now())
    services.db.write_now(lambda session: envoy_rows.add(session, DEFAULT_PROJECT, known))
    return known.id


def done(services: Services, use_case: Callable[[Work], T], actor: Actor = ANN) -> T:
    return services.write_now(actor, use_case)


def actions(services: Services) -> list[str]:
    return [event.type for event in services.read_now(ANN, audit.events).events][::-1]


def in_force(services: Services, commit: str, author: str = "") -> None:
    done(
        services,
        lambda work: revisions.record_in_force(work, commit=commit, plan_root="0" * 64, compiled_ms=1.0, author=author),
    )


def test_what_was_put_holds_until_its_time_and_is_taken_away_then(
    services: Services, clock: FakeClock, envoy_id: str
) -> None:
    until = clock.now() + HOUR
    done(services, lambda work: holds.freeze(work, Freeze(match="web*", freeze_until=until, reason="release day")))
    done(services, lambda work: holds.hold_envoy(work, HOST, HoldKind.QUARANTINE, Until()))

    held = services.read_now(ANN, holds.snapshot)
    assert [(each.kind, each.match, each.hostname, each.created_by) for each in held.holds] == [
        (HoldKind.QUARANTINE, None, HOST, "ann"),
        (HoldKind.FREEZE, "web*", None, "ann"),
    ]
    assert held.holds[0].envoy_id == envoy_id
    assert held.next_change(clock.now()) == until
    assert done(services, holds.end) == 0
    clock.advance(3600)
    assert [hold.kind for hold in services.read_now(ANN, holds.listed).holds] == [HoldKind.QUARANTINE]
    assert done(services, holds.end) == 1
    assert [hold.kind for hold in services.read_now(ANN, holds.snapshot).holds] == [HoldKind.QUARANTINE]
    assert actions(services) == ["hold_set", "hold_set", "hold_end"]


def test_a_newer_hold_of_the_same_hosts_takes_the_place_of_the_one_before(services: Services, clock: FakeClock) -> None:
    first = done(services, lambda work: holds.put(work, HoldCreate(kind=HoldKind.FREEZE)))
    for _ in range(2):
        done(services, lambda work: holds.put(work, HoldCreate(kind=HoldKind.FREEZE, match="*", reason="again")))
    done(services, lambda work: holds.put(work, HoldCreate(kind=HoldKind.FREEZE, match="db*")))

    there = services.read_now(ANN, holds.listed).holds
    assert {(hold.match, hold.reason) for hold in there} == {(None, "again"), ("db*", "")}
    assert first.id not in {hold.id for hold in there}
    done(services, lambda work: holds.unfreeze(work, "db*"))
    with pytest.raises(holds.HoldNotFound):
        done(services, lambda work: holds.unfreeze(work, "db*"))
    assert not done(services, holds.unfreeze).frozen


def test_who_may_not_publish_sets_no_freeze_and_who_may_not_write_no_maintenance(
    services: Services, envoy_id: str
) -> None:
    viewer = Actor("user", "3", "vic", "token:3", Role.VIEWER)
    with pytest.raises(NotAllowed):
        done(services, lambda work: holds.put(work, HoldCreate(kind=HoldKind.FREEZE)), viewer)
    with pytest.raises(NotAllowed):
        done(services, lambda work: holds.hold_envoy(work, envoy_id, HoldKind.MAINTENANCE, Until()), DEVELOPER)
    hold = done(services, lambda work: holds.hold_envoy(work, envoy_id, HoldKind.MAINTENANCE, Until()))
    with pytest.raises(NotAllowed):
        done(services, lambda work: holds.lift(work, hold.id), DEVELOPER)
    assert services.read_now(ANN, holds.listed).holds == [hold]


def test_what_makes_no_sense_is_refused(services: Services, clock: FakeClock) -> None:
    with pytest.raises(holds.BadHold, match="over already"):
        done(services, lambda work: holds.freeze(work, Freeze(freeze_until=clock.now())))
    with pytest.raises(holds.BadHold, match="bracket"):
        done(services, lambda work: holds.freeze(work, Freeze(match="web[")))
    assert services.read_now(ANN, holds.listed).holds == []
    assert actions(services) == []


def test_there_are_no_more_holds_than_the_limit(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds, "MAX_HOLDS", 2)
    for match in ("a", "b", "a"):
        done(services, lambda work, match=match: holds.put(work, HoldCreate(kind=HoldKind.FREEZE, match=match)))
    with pytest.raises(holds.TooManyHolds):
        done(services, lambda work: holds.put(work, HoldCreate(kind=HoldKind.FREEZE, match="c")))


def test_a_host_that_is_revoked_is_held_no_more(services: Services, envoy_id: str) -> None:
    done(services, lambda work: holds.hold_envoy(work, envoy_id, HoldKind.QUARANTINE, Until()))
    done(services, lambda work: enrolment.retire(work, envoy_id, why="revoked"))

    assert services.read_now(ANN, holds.snapshot).holds == ()


def test_a_permission_lets_the_commit_it_names_through_and_tells_of_it_once(
    services: Services, clock: FakeClock
) -> None:
    in_force(services, COMMIT)
    done(services, lambda work: holds.freeze(work, Freeze()))
    new = BreakGlassOpen(commit="aaaa", until=clock.now() + HOUR, reason="the certificate expires")
    glass = done(services, lambda work: break_glass.open_(work, new))

    assert services.read_now(ANN, holds.snapshot).passes == (Pass(COMMIT, None, glass.until),)
    assert [done(services, break_glass.use_in_force) for _ in range(2)] == [1, 0]
    assert services.read_now(ANN, break_glass.page).break_glass[0].used_for == [COMMIT]
    clock.advance(3600)
    assert services.read_now(ANN, holds.snapshot).passes == ()
    assert [done(services, break_glass.end) for _ in range(2)] == [1, 0]
    over = services.read_now(ANN, break_glass.page).break_glass[0]
    assert (over.ended_by, over.ended_at) == ("time", clock.now())
    assert actions(services)[-3:] == ["break_glass_open", "break_glass_use", "break_glass_end"]


def test_a_permission_of_an_author_lets_their_commits_through(services: Services, clock: FakeClock) -> None:
    done(services, lambda work: holds.freeze(work, Freeze()))
    new = BreakGlassOpen(author="Ann@example.com", until=clock.now() + HOUR, reason="she is on call", match="web*")
    glass = done(services, lambda work: break_glass.open_(work, new))

    in_force(services, COMMIT, "Bob <bob@example.com>")
    assert services.read_now(ANN, holds.snapshot).passes == ()
    assert done(services, break_glass.use_in_force) == 0
    in_force(services, "b" * 40, "Ann <ann@example.com>")
    assert services.read_now(ANN, holds.snapshot).passes == (Pass("b" * 40, "web*", glass.until),)
    assert done(services, break_glass.use_in_force) == 1
    done(services, lambda work: break_glass.close(work, glass.id))
    assert services.read_now(ANN, holds.snapshot).passes == ()
    assert services.read_now(ANN, break_glass.page).break_glass[0].ended_by == "ann"


def test_a_permission_that_is_too_wide_or_means_nothing_is_refused(services: Services, clock: FakeClock) -> None:
    for named, hours, why in (
        ({"commit": "a" * 40}, 5, "at most 4 hours"),
        ({"commit": "a" * 40}, 0, "at most 4 hours"),
        ({"commit": "dead"}, 1, "no commit seen yet"),
        ({"author": "ann@example.com", "match": "web["}, 1, "bracket"),
    ):
        new = BreakGlassOpen(until=clock.now() + hours * HOUR, reason="because of this", **named)  # type: ignore[arg-type]
        with pytest.raises(break_glass.BadBreakGlass, match=why):
            done(services, lambda work, new=new: break_glass.open_(work, new))
    assert services.read_now(ANN, break_glass.page).break_glass == []


def test_a_commit_that_is_still_to_come_may_be_named(services: Services, clock: FakeClock) -> None:
    new = BreakGlassOpen(commit="d" * 40, until=clock.now() + HOUR, reason="the fix is on its way")
    assert done(services, lambda work: break_glass.open_(work, new)).commit == "d" * 40


def test_a_permission_gives_the_approvals_that_a_rollout_lacks(services: Services, clock: FakeClock) -> None:
    in_force(services, COMMIT)
    begin = {"commit": COMMIT, "plan_root": "0" * 64, "author": "Bob <bob@example.com>", "staged": True}
    rollout_id = done(services, lambda work: rollouts.begin(work, **begin))  # type: ignore[arg-type]
    waves = (
        PlannedWave(index=0, name="first", hosts=(HOST,)),
        PlannedWave(index=1, name="rest", hosts=("web02.example.com",), approvals=2),
    )
    plan = RolloutPlan(
        commit=COMMIT, base=None, plan_root="0" * 64, waves=waves, unchanged=0, require_approval=True, approvals=2
    )
    progress = Progress(state=RolloutState.AWAITING_APPROVAL, waves=tuple(WaveProgress(index=n) for n in (0, 1)))
    done(services, lambda work: rollouts.keep(work, rollout_id, version=1, progress=progress, plan=plan))
    assert done(services, break_glass.use_for_approval) == 0

    def open_(match: str | None) -> BreakGlass:
        new = BreakGlassOpen(commit=COMMIT, until=clock.now() + HOUR, reason="nobody else is awake", match=match)
        return done(services, lambda work: break_glass.open_(work, new))

    open_("web01*")
    assert done(services, break_glass.use_for_approval) == 0
    glass = open_(None)
    assert [done(services, break_glass.use_for_approval) for _ in range(2)] == [4, 0]
    rollout = services.read_now(ANN, rollouts.current)
    assert rollout is not None
    assert rollout.asked.approvals == {WHOLE_PLAN: 2, 1: 2}
    assert {approval.name for approval in rollout.approvals} == {"break-glass by ann"}
    assert services.read_now(ANN, break_glass.page).break_glass[0].used_for == [COMMIT]
    assert services.read_now(ANN, break_glass.page).break_glass[0].id == glass.id
    assert actions(services)[-2:] == ["rollout_approve", "break_glass_use"]

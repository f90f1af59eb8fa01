"""Stalls: a host that has nothing newer is told which hold it is under, or which wave it waits for."""

from __future__ import annotations

import pytest

from api.services import stalls
from schema.holds import Hold, HoldKind
from schema.ids import new_id
from schema.progress import Asked, Progress, Rollout, WaveProgress
from schema.rollouts import PlannedWave, RolloutPlan, RolloutState, WaveState

COMMIT = "c" * 40
WAVES = (PlannedWave(index=0, name="first", hosts=("a",)), PlannedWave(index=1, name="rest", hosts=("b",)))
PLAN = RolloutPlan(commit=COMMIT, base=None, plan_root="d" * 64, waves=WAVES, unchanged=0)


def rollout(state: RolloutState, why: str = "", *, paused: bool = False, planned: bool = True) -> Rollout:
    waves = (
        WaveProgress(index=0, name="first", state=WaveState.DONE),
        WaveProgress(index=1, name="rest", state=WaveState.AWAITING_APPROVAL, why="one person must approve this wave"),
    )
    return Rollout(
        id=7,
        commit=COMMIT,
        plan_root="d" * 64,
        state=state,
        why=why,
        everyone=False,
        began_at=0,
        asked=Asked(paused=paused),
        progress=Progress(state=state, waves=waves),
        plan=PLAN if planned else None,
    )


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (rollout(RolloutState.DONE), ""),
        (rollout(RolloutState.PLANNED), "rollout 7 is being planned"),
        (rollout(RolloutState.RUNNING, paused=True), "rollout 7 is paused"),
        (
            rollout(RolloutState.AWAITING_APPROVAL, "one person must approve this plan"),
            "rollout 7 is awaiting approval: one person must approve this plan",
        ),
        (rollout(RolloutState.STOPPED, "wave first: too bad"), "rollout 7 is stopped: wave first: too bad"),
        (
            rollout(RolloutState.RUNNING),
            "waits for its turn in wave rest of rollout 7: one person must approve this wave",
        ),
        (rollout(RolloutState.RUNNING, planned=False), "waits for its turn in rollout 7"),
    ],
)
def test_a_rollout_says_what_a_host_waits_for(one: Rollout, said: str) -> None:
    assert stalls.rolled_out(one, "b") == said


def test_a_hold_says_which_and_until_when() -> None:
    hold = Hold(
        id=new_id(), kind=HoldKind.FREEZE, match="*", until=1_000_000, reason="books", created_at=0, created_by="ann"
    )
    assert stalls.held(hold) == "frozen until 1970-01-01T00:00:01Z: books"
    assert stalls.held(hold.model_copy(update={"until": None, "reason": ""})) == "frozen"

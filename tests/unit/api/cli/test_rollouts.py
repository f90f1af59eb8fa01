"""A rollout that has stopped, from the command line: which hosts failed, and what their health checks said."""

from __future__ import annotations

from collections.abc import Callable

from schema.progress import Asked, FailedCheck, HostFailure, Progress, Rollout, WaveProgress
from schema.rollouts import PlannedWave, RolloutPlan, RolloutState, WaveState
from tests.unit.api.cli.conftest import Ran, Server

Vigo = Callable[..., Ran]

COMMIT = "a" * 40
WHY = "a health check failed: systemctl is-active nginx: exit 3, 3 times"


def test_a_rollout_shows_what_a_command_said(connected: Vigo, server: Server) -> None:
    check = FailedCheck(command="systemctl is-active nginx", code=3, output="inactive\n\x1b[31mdead")
    waves = (
        WaveProgress(
            index=0, name="first", state=WaveState.FAILED, hosts=3, released=3, failed=1, checking=1, healthy=1
        ),
        WaveProgress(index=1, name="rest", hosts=1),
    )
    stopped = Rollout(
        id=7,
        commit=COMMIT,
        plan_root="b" * 64,
        state=RolloutState.STOPPED,
        why="wave first: 1 of 3 hosts failed, none may",
        everyone=False,
        began_at=1,
        asked=Asked(),
        progress=Progress(
            state=RolloutState.STOPPED,
            waves=waves,
            failures=(HostFailure(hostname="web1", wave=0, why=WHY, at=1, check=check),),
        ),
        plan=RolloutPlan(
            commit=COMMIT,
            base=None,
            plan_root="b" * 64,
            waves=tuple(PlannedWave(index=wave.index, name=wave.name, hosts=("web1",)) for wave in waves),
            unchanged=0,
        ),
    )
    server.answers["GET /api/v1/rollouts/7"] = 200, stopped.model_dump(mode="json")

    ran = connected("rollout", "show", "7")

    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[1:] == [
        "  0  first  failed  1 of 3 healthy, 1 checking, 1 failed",
        "  1  rest  waiting  0 of 1 healthy",
        f"  web1: {WHY}",
        "    inactive",
        "    \\x1b[31mdead",
    ]

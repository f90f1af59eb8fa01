"""Scenes and contrasts of `exec`."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, maybe, vary

_EXEC = {"command": "touch /made", "creates": "/made"}

CONTRASTS: dict[str, Contrast] = {
    "command": vary({}, _EXEC, "command", "touch /made", "touch /other"),
    "onlyif": vary({}, _EXEC, "onlyif", "true", "false"),
    "unless": vary({}, _EXEC, "unless", "true", "false"),
    "creates": vary({"/there": ""}, _EXEC, "creates", "/made", "/there"),
    "removes": vary({}, _EXEC, "removes", ..., "/absent"),
    "umask": vary({}, _EXEC, "umask", ..., "0077"),
    "refreshonly": vary({}, {"command": "true", "unless": "false"}, "refreshonly", False, True),
    "cwd": vary({}, _EXEC, "cwd", ..., "/srv"),
    "environment": vary({}, _EXEC, "environment", {}, {"A": "b"}),
    "user": vary({}, _EXEC, "user", ..., "web"),
    "timeout_s": vary({}, _EXEC, "timeout_s", 300, 5),
    "network": vary({}, {"command": "fetch /made", "creates": "/made"}, "network", True, False),
    "returns": vary({}, {"command": "exit 3", "refreshonly": True}, "returns", [0], [3]),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    done = draw(st.sampled_from(["/done", "/d/done"]))
    guard = draw(
        st.sampled_from(
            [
                {"creates": done},
                {"unless": f"test -e {done}"},
                {"creates": done, "onlyif": "test -e /go"},
                {"creates": done, "removes": "/go"},
            ]
        )
    )
    paths = {"/d": {"directory": True}} | ({"/go": ""} if draw(maybe) else {}) | ({done: ""} if draw(maybe) else {})
    return Scene(paths, {"command": f"touch {done}", **guard})

"""Scenes and contrasts of `symlink`."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, around, maybe, nodes, vary

_X = {"path": "/x"}

CONTRASTS: dict[str, Contrast] = {
    "path": vary({}, {"target": "t"}, "path", "/x", "/y"),
    "target": vary({}, _X, "target", "a", "b"),
    "state": vary({"/x": {"link": "a"}}, {**_X, "target": "a"}, "state", "present", "absent"),
    "force": vary({"/x": "file"}, {**_X, "target": "a"}, "force", False, True),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec = {"path": "/d/x", "force": draw(maybe), "state": draw(st.sampled_from(["present", "present", "absent"]))}
    spec["target"] = draw(st.sampled_from(["/elsewhere", "x", "/no/such"]))
    return Scene(around("/d/x", draw(nodes)), spec)

"""Scenes and contrasts of `file_line`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, around, edited, maybe, nodes, parts, vary

_X = {"path": "/x"}
_F = {"/x": {"content": "a\nb\n", "mode": "0644"}}

CONTRASTS: dict[str, Contrast] = {
    "path": vary({**_F, "/y": ""}, {"line": "c"}, "path", "/x", "/y"),
    "line": vary(_F, _X, "line", "c", "d"),
    "match": vary(_F, {**_X, "line": "c"}, "match", ..., "^a"),
    "after": vary(_F, {**_X, "line": "c"}, "after", ..., "^a"),
    "state": vary(_F, {**_X, "line": "a"}, "state", "present", "absent"),
    "create": vary({}, {**_X, "line": "a"}, "create", False, True),
    **parts(_F, {**_X, "line": "c"}, {**_X, "line": "invalid"}),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"path": "/d/x", "line": draw(st.sampled_from(["a", "b", "#a", "", "new"]))}
    spec["state"] = draw(st.sampled_from(["present", "absent"]))
    patterns = st.sampled_from(["^a", "^#", "b", "^$", "nothing", "."])
    if draw(maybe):
        spec["match"] = draw(patterns)
    if spec["state"] == "present" and draw(maybe):
        spec["after"] = draw(patterns)
    if draw(maybe):
        spec["create"] = draw(maybe)
    spec |= draw(edited)
    return Scene(around("/d/x", draw(nodes)), spec)

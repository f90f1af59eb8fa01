"""Scenes and contrasts of `replace`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, around, edited, nodes, parts, vary

_X = {"path": "/x"}
_F = {"/x": {"content": "a\nb\n", "mode": "0644"}}
_R = {**_X, "pattern": "a", "replacement": "c"}

CONTRASTS: dict[str, Contrast] = {
    "path": vary({**_F, "/y": "a"}, {"pattern": "a", "replacement": "c"}, "path", "/x", "/y"),
    **parts(_F, _R, {**_X, "pattern": "b", "replacement": "invalid"}),
    "pattern": vary(_F, {**_X, "replacement": "c"}, "pattern", "a", "b"),
    "replacement": vary(_F, {**_X, "pattern": "a"}, "replacement", "c", "d"),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {
        "path": "/d/x",
        "pattern": draw(st.sampled_from(["a", "(?m)^(.)$", "b\n", "^", "(a)|(b)", "(?s).+"])),
        "replacement": draw(st.sampled_from(["", "c", "\\1x", "\\0", "a", "\\\\", "z\n"])),
    }
    if "\\1" in spec["replacement"] and "(" not in spec["pattern"].replace("(?", ""):
        spec["replacement"] = "c"
    return Scene(around("/d/x", draw(nodes)), spec | draw(edited))

"""Scenes and contrasts of `hardlink`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, around, maybe, nodes, vary

_T = {"/t": "file", "/u": "other"}
_X = {"path": "/x", "target": "/t"}

CONTRASTS: dict[str, Contrast] = {
    "path": vary(_T, {"target": "/t"}, "path", "/x", "/y"),
    "target": vary(_T, {"path": "/x"}, "target", "/t", "/u"),
    "state": Contrast({**_T, "/x": {"same_as": "/t"}}, _X, {"path": "/x", "state": "absent"}),
    "force": vary({**_T, "/x": "old"}, _X, "force", False, True),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"path": "/d/x", "force": draw(maybe), "state": draw(st.sampled_from(["present", "absent"]))}
    if spec["state"] == "present":
        spec["target"] = draw(st.sampled_from(["/d/t", "/d/x", "/none", "/elsewhere"]))
    node = draw(nodes)
    paths = around("/d/x", node if draw(maybe) else {"same_as": "/d/t"})
    paths["/d/t"] = draw(st.sampled_from(["text", {"content": "text", "uid": 990}, {"directory": True}, {"link": "x"}]))
    if "same_as" in (paths["/d/x"] or {}) and isinstance(paths["/d/t"], dict) and "content" not in paths["/d/t"]:
        paths["/d/x"] = None
    return Scene(paths, spec)

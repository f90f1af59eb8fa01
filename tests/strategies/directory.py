"""Scenes and contrasts of `directory`."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, around, maybe, nodes, owned, vary

_X = {"path": "/x"}
_D = {"/x": {"directory": True, "mode": "0755"}}

CONTRASTS: dict[str, Contrast] = {
    "path": vary({}, {}, "path", "/x", "/y"),
    "state": vary(_D, _X, "state", "present", "absent"),
    "mode": vary(_D, _X, "mode", ..., "0700"),
    "owner": vary(_D, _X, "owner", "root", "web"),
    "group": vary(_D, _X, "group", "root", "web"),
    "force": vary({**_D, "/x/f": ""}, {**_X, "state": "absent"}, "force", False, True),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    path = draw(st.sampled_from(["/d/x", "/d/y/z/x"]))
    paths = around(path, draw(nodes))
    if draw(maybe) and paths[path] is not None and paths[path].get("directory"):
        paths |= {f"{path}/f": "x", f"{path}/e/f": "x", f"{path}/l": {"link": "/elsewhere"}}
    spec = {"path": path, "state": draw(st.sampled_from(["present", "absent"])), "force": draw(maybe), **draw(owned)}
    return Scene(paths, spec)

"""Scenes and contrasts of `directory`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies import scenes as scenes_of
from tests.strategies.scenes import Contrast, Scene, around, maybe, nodes, owned, vary

_X = {"path": "/x"}
_P = {"path": "/s/x"}
_T = {"/s/x": {"directory": True}, "/s/x/f": {"content": "", "uid": 990}, "/s/x/e/f": ""}
_D = {"/x": {"directory": True, "mode": "0755"}}

CONTRASTS: dict[str, Contrast] = {
    "path": vary({}, {}, "path", "/x", "/y"),
    "state": vary(_D, _X, "state", "present", "absent"),
    "mode": vary(_D, _X, "mode", ..., "0700"),
    "owner": vary(_D, _X, "owner", "root", "web"),
    "group": vary(_D, _X, "group", "root", "web"),
    "recurse": vary(_T, {**_P, "owner": "root"}, "recurse", False, True),
    "file_mode": vary(_T, {**_P, "recurse": True, "owner": "root"}, "file_mode", ..., "0600"),
    "dir_mode": vary(_T, {**_P, "recurse": True, "owner": "root"}, "dir_mode", ..., "0700"),
    "purge": vary(_T, _P, "purge", False, True),
    "force": vary({**_D, "/x/f": ""}, {**_X, "state": "absent"}, "force", False, True),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    path = draw(st.sampled_from(["/d/x", "/d/y/z/x"]))
    paths = around(path, draw(nodes))
    if draw(maybe) and paths[path] is not None and paths[path].get("directory"):
        paths |= {f"{path}/f": "x", f"{path}/e/f": "x", f"{path}/l": {"link": "/elsewhere"}}
    spec: dict[str, Any] = {"path": path, "state": draw(st.sampled_from(["present", "absent"])), **draw(owned)}
    spec["force"] = draw(maybe)
    if spec["state"] == "present":
        spec["purge"] = draw(maybe)
        if draw(maybe):
            modes = {"file_mode": scenes_of.modes, "dir_mode": st.sampled_from(["0755", "2770"])}
            spec |= draw(st.fixed_dictionaries({}, optional=modes))
            spec["recurse"] = bool({"owner", "group", "file_mode", "dir_mode"} & set(spec))
    return Scene(paths, spec)

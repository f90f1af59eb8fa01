"""Scenes and contrasts of `alternatives`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.programs import alternatives
from tests.strategies.scenes import Contrast, Scene, maybe, vary

_TWO = {
    f"{alternatives.GROUPS}/x": "auto\n/usr/bin/x\n\n/bin/a\n10\n/bin/b\n20\n\n",
    "/etc/alternatives/x": {"link": "/bin/b"},
}
_X: dict[str, Any] = {"alternative": "x"}
_NEW = {**_X, "path": "/bin/c", "link": "/usr/bin/x", "priority": 5}

CONTRASTS: dict[str, Contrast] = {
    "alternative": vary(_TWO, {**_NEW}, "alternative", "x", "y"),
    "state": vary(_TWO, {**_X, "path": "/bin/a"}, "state", "selected", "absent"),
    "path": vary(_TWO, _X, "path", "/bin/a", "/bin/b"),
    "link": vary(_TWO, _NEW, "link", "/usr/bin/x", "/usr/bin/y"),
    "priority": vary(_TWO, {**_NEW, "state": "auto"}, "priority", 5, 50),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    mode = draw(st.sampled_from(["auto", "manual"]))
    current = "/bin/b" if mode == "auto" else draw(st.sampled_from(["/bin/a", "/bin/b"]))
    group = f"{mode}\n/usr/bin/x\n\n/bin/a\n10\n/bin/b\n20\n\n"
    paths = (
        {f"{alternatives.GROUPS}/x": group, "/etc/alternatives/x": {"link": current}} if draw(st.integers(0, 4)) else {}
    )
    spec: dict[str, Any] = {**_X, "state": draw(st.sampled_from(["selected", "auto", "absent"]))}
    if spec["state"] != "auto" or draw(maybe):
        spec["path"] = draw(st.sampled_from(["/bin/a", "/bin/c"]))
    if "path" in spec and spec["state"] != "absent" and draw(maybe):
        spec |= {"link": "/usr/bin/x", "priority": draw(st.sampled_from([10, 30]))}
    return Scene(paths, spec)

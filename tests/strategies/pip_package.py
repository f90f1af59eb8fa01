"""Scenes and contrasts of `pip_package`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.programs import python
from tests.strategies.scenes import Contrast, Scene, maybe, vary

_INDEX = {python.INDEX: "x 2\ny 7\n", "/req.txt": "x==2\n", "/other.txt": "y\n"}
_X: dict[str, Any] = {"package": "x"}
_VENV = {**_INDEX, f"{python.VENV}/bin/python": "", f"{python.VENV}/packages": ""}

CONTRASTS: dict[str, Contrast] = {
    "package": vary(_INDEX, {}, "package", "x", ["x", "y"]),
    "state": vary({**_INDEX, python.SYSTEM: "x 1\n"}, _X, "state", "present", "absent"),
    "version": vary(_INDEX, _X, "version", ..., "1"),
    "requirements": vary(_INDEX, {}, "requirements", "/req.txt", "/other.txt"),
    "venv": vary(_VENV, _X, "venv", ..., python.VENV),
    "python": vary(_INDEX, _X, "python", "python3", "python3.13"),
    "index_url": vary(_INDEX, _X, "index_url", ..., "https://x.example/simple"),
    "break_system_packages": vary({**_INDEX, python.MANAGED: ""}, _X, "break_system_packages", False, True),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"package": "x"},
                {"package": ["x", "y"]},
                {"package": "x", "version": "1"},
                {"package": ["x", "y"], "state": "absent"},
                {"requirements": "/req.txt"},
                {"package": "X[extra]", "state": "absent"},
            ]
        )
    )
    known = draw(st.sampled_from(["", "x 1\n", "x 2\ny 7\n"]))
    paths: dict[str, Any] = dict(_INDEX)
    if draw(maybe):
        spec = {**spec, "venv": python.VENV}
        if draw(maybe):
            paths |= {f"{python.VENV}/bin/python": "", f"{python.VENV}/packages": known}
    else:
        paths[python.SYSTEM] = known
        spec = {**spec, "break_system_packages": draw(maybe)}
    if draw(maybe):
        paths[python.MANAGED] = ""
    return Scene(paths, spec)

"""Scenes and contrasts of `package`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies import programs
from tests.strategies.scenes import Contrast, Scene, maybe, vary

_APT = {programs.LISTS: "a 1\na 2\nb 1\n", programs.STATUS: "a installed 2\n"}

CONTRASTS: dict[str, Contrast] = {
    "package": vary(_APT, {}, "package", "a", "b"),
    "state": vary(_APT, {"package": "a"}, "state", "absent", "purged"),
    "version": vary(_APT, {"package": "a"}, "version", ..., "1"),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    status = draw(st.sampled_from(["", "x installed 1\n", "x installed 2\n", "x config-files 1\n", "x unpacked 1\n"]))
    other = draw(st.sampled_from(["", "y installed 7\n", "y unpacked 7\n"]))
    spec: dict[str, Any] = {"package": "x", "state": draw(st.sampled_from(["present", "absent", "purged"]))}
    if draw(maybe):
        spec["version"] = draw(st.sampled_from(["1", "2", "3"]))
    lists = draw(st.sampled_from(["", "x 1\n", "x 1\nx 2\n"]))
    return Scene({programs.STATUS: status + other, programs.LISTS: lists, programs.MIRROR: "x 1\nx 2\n"}, spec)

"""Scenes and contrasts of `custom`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.programs.executors import KEEPER, OTHER
from tests.strategies.scenes import Contrast, Scene, vary

PROGRAM = {"content": "#!/bin/sh\n", "mode": "0755"}
_ONE = {"custom": "a", "executor": KEEPER, "spec": {"path": "/x", "value": "noted"}}
_P = {KEEPER: PROGRAM, OTHER: PROGRAM}

CONTRASTS: dict[str, Contrast] = {
    "custom": vary(_P, _ONE, "custom", "a", "b"),
    "executor": vary(_P, _ONE, "executor", KEEPER, OTHER),
    "spec": vary(_P, _ONE, "spec", {"path": "/x", "value": "a"}, {"path": "/x", "value": "b"}),
    "timeout_s": vary(_P, _ONE, "timeout_s", 300, 5),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    value = draw(st.sampled_from(["a", "b", "a", "b", "noted", "garbage", "silent", "fails", "slow", "lies"]))
    paths: dict[str, Any] = {KEEPER: PROGRAM, "/x": draw(st.sampled_from([None, "a", "b"]))}
    if not draw(st.integers(0, 8)):
        paths[KEEPER] = draw(st.sampled_from([None, {"content": "", "mode": "0777"}, {"content": "", "mode": "0644"}]))
    return Scene(paths, {"custom": "x", "executor": KEEPER, "spec": {"path": "/x", "value": value}})

"""Scenes and contrasts of `file`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, around, maybe, nodes, owned, texts, vary

_X = {"path": "/x"}
_F = {"/x": {"content": "a\nb\n", "mode": "0644"}}

CONTRASTS: dict[str, Contrast] = {
    "path": vary({}, {}, "path", "/x", "/y"),
    "state": vary(_F, _X, "state", "present", "absent"),
    "content": vary(_F, _X, "content", ..., "b"),
    "source": vary(_F, _X, "source", ..., "files/b"),
    "mode": vary(_F, _X, "mode", ..., "0600"),
    "owner": vary(_F, _X, "owner", "root", "web"),
    "group": vary(_F, _X, "group", "root", "web"),
    "validate_": vary(_F, {**_X, "content": "invalid"}, "validate", ..., "checker %"),
    "backup": vary(_F, {**_X, "content": "b"}, "backup", False, True),
    "sensitive": vary(_F, {**_X, "content": "b"}, "sensitive", False, True),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"path": "/d/x", "state": draw(st.sampled_from(["present", "present", "absent"]))}
    spec |= draw(owned)
    if spec["state"] == "present" and draw(maybe):
        spec["content"] = draw(texts)
        if draw(maybe):
            spec["validate"] = "checker %"
    spec |= draw(st.fixed_dictionaries({}, optional={"backup": maybe, "sensitive": maybe}))
    return Scene(around("/d/x", draw(nodes)), spec)

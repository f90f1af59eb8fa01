"""Scenes and contrasts of `limits`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, nodes, vary

_LIMITS = {"limits": "a", "entries": ["* soft nofile 1024"]}

CONTRASTS: dict[str, Contrast] = {
    "limits": vary({}, _LIMITS, "limits", "a", "b"),
    "state": vary({}, _LIMITS, "state", "present", "absent"),
    "entries": vary({}, _LIMITS, "entries", ["* soft nofile 1024"], ["* hard nofile 1024"]),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"limits": "x", "state": draw(st.sampled_from(["present", "present", "absent"]))}
    spec["entries"] = draw(st.sampled_from([["* soft nofile 1"], ["@adm - nproc unlimited", "web hard core 0"]]))
    return Scene({"/etc/security/limits.d/x.conf": draw(nodes)}, spec)

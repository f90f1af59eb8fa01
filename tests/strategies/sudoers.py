"""Scenes and contrasts of `sudoers`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, nodes, vary

_D = {"/etc/sudoers.d": {"directory": True}}
_RULES = {"sudoers": "a", "rules": ["web ALL=(ALL) ALL"]}

CONTRASTS: dict[str, Contrast] = {
    "sudoers": vary(_D, _RULES, "sudoers", "a", "b"),
    "state": vary(_D, _RULES, "state", "present", "absent"),
    "rules": vary(_D, _RULES, "rules", ["web ALL=(ALL) ALL"], ["adm ALL=(ALL) ALL"]),
    "content": vary(_D, {"sudoers": "a"}, "content", "a\n", "b\n"),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"sudoers": "x", "state": draw(st.sampled_from(["present", "present", "absent"]))}
    spec |= draw(st.sampled_from([{"rules": ["a", "b"]}, {"rules": ["invalid"]}, {"content": ""}, {"content": "a\nb"}]))
    return Scene({"/etc/sudoers.d": {"directory": True}, "/etc/sudoers.d/x": draw(nodes)}, spec)

"""Scenes and contrasts of `banner`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, nodes, texts, vary

CONTRASTS: dict[str, Contrast] = {
    "banner": vary({}, {"content": "a\n"}, "banner", "issue", "motd"),
    "state": Contrast({"/etc/motd": "a\n"}, {"banner": "motd", "content": "a"}, {"banner": "motd", "state": "absent"}),
    "content": vary({}, {"banner": "motd"}, "content", "a", "b"),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"banner": "motd", "state": draw(st.sampled_from(["present", "present", "absent"]))}
    if spec["state"] == "present":
        spec["content"] = draw(texts)
    return Scene({"/etc/motd": draw(nodes)}, spec)

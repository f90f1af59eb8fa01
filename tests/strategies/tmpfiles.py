"""Scenes and contrasts of `tmpfiles`."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, maybe, nodes, vary

_ONE = {"tmpfiles": "a", "lines": ["d /run/a 0755 root root -"]}
_D = {"/etc/tmpfiles.d": {"directory": True}}

CONTRASTS: dict[str, Contrast] = {
    "tmpfiles": vary(_D, _ONE, "tmpfiles", "a", "b"),
    "state": vary(_D, _ONE, "state", "present", "absent"),
    "lines": vary(_D, _ONE, "lines", ["d /a"], ["d /b"]),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    lines = draw(st.sampled_from([["d /run/x"], ["d /run/x", 'd "/run/with blank"'], ["d /invalid"]]))
    spec = {"tmpfiles": "x", "lines": lines, "state": draw(st.sampled_from(["present", "present", "absent"]))}
    parent = {"/etc/tmpfiles.d": {"directory": True}} if draw(maybe) else {}
    return Scene({**parent, "/etc/tmpfiles.d/vigo-x.conf": draw(nodes)}, spec)

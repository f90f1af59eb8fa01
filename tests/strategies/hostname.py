"""Scenes and contrasts of `hostname`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from agent.resources.hostname import LIVE
from tests.strategies.scenes import Contrast, Scene, maybe, nodes, vary

_HERE = {"/etc/hostname": "old\n", LIVE: "old\n", "/etc/hosts": "127.0.0.1 localhost\n127.0.1.1 old\n"}

CONTRASTS: dict[str, Contrast] = {
    "hostname": vary(_HERE, {}, "hostname", "old", "new"),
    "hosts": vary(_HERE, {"hostname": "new"}, "hosts", False, True),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"hostname": draw(st.sampled_from(["a", "a.example.com"])), "hosts": draw(maybe)}
    hosts = st.sampled_from(["127.0.0.1 localhost\n", "127.0.1.1 old # x\n", "10.0.0.1 a.example.com a\n", ""])
    names = st.sampled_from(["a\n", "# said\na\n", "old", ""])
    paths = {
        LIVE: draw(st.sampled_from(["a\n", "old\n", "(none)\n"])),
        "/etc/hosts": draw(st.one_of(st.none(), hosts)),
        "/etc/hostname": draw(st.one_of(names, nodes)),
    }
    return Scene(paths, spec)

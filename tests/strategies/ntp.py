"""Scenes and contrasts of `ntp`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, maybe, nodes, vary

_ONE = {"client": "chrony", "servers": ["a.example"]}
_C = {"/etc/chrony/chrony.conf": "pool old iburst\nmakestep 1 3\n", "/usr/lib/systemd/systemd-timesyncd": ""}

CONTRASTS: dict[str, Contrast] = {
    "client": vary(_C, _ONE, "client", "chrony", "systemd-timesyncd"),
    "servers": vary(_C, _ONE, "servers", ["a.example"], ["b.example"]),
    "pools": vary(_C, _ONE, "pools", [], ["p.example"]),
    "iburst": vary(_C, _ONE, "iburst", True, False),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    paths: dict[str, Any] = {}
    if draw(maybe):
        paths["/etc/chrony.conf"] = draw(
            st.sampled_from(["", "server a.example iburst\n", "# x\n  pool b\nmakestep 1 3\npeer c\nrtcsync", "ü\n"])
        )
    if draw(maybe):
        paths["/usr/lib/systemd/systemd-timesyncd"] = ""
        paths["/etc/systemd/timesyncd.conf.d/vigo.conf"] = draw(nodes)
    spec: dict[str, Any] = {"servers": draw(st.sampled_from([["a.example"], ["a.example", "b"]]))}
    spec |= draw(
        st.fixed_dictionaries({}, optional={"client": st.sampled_from(["auto", "chrony", "systemd-timesyncd"])})
    )
    return Scene(paths, spec)

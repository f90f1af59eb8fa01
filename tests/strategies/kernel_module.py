"""Scenes and contrasts of `kernel_module`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, maybe, nodes, vary

_ONE = {"module": "br_netfilter"}
_K = {"/proc/modules": "overlay 1 0 - Live 0x0\n", "/lib/modules/model": "br_netfilter dummy\n"}

CONTRASTS: dict[str, Contrast] = {
    "module": vary(_K, {}, "module", "br_netfilter", "dummy"),
    "state": vary(_K, _ONE, "state", "loaded", "blacklisted"),
    "options": vary(_K, _ONE, "options", {}, {"a": "1"}),
    "live": vary(_K, _ONE, "live", True, False),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"module": "a-b", "state": draw(st.sampled_from(["loaded", "absent", "blacklisted"]))}
    if spec["state"] == "loaded" and draw(maybe):
        spec["options"] = {"x": "1", "flag": ""}
    spec["live"] = draw(maybe)
    lines = draw(st.sampled_from(["", "a_b 1 0 - Live 0x0\n", "a_b 1 1 used, Live 0x0\n"]))
    places = {f"/etc/{name}/vigo-a-b.conf": draw(nodes) for name in ("modules-load.d", "modprobe.d")}
    return Scene({"/proc/modules": lines, "/lib/modules/model": "a-b\n", **places}, spec)

"""Scenes and contrasts of `sysctl`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, maybe, nodes, vary

_ONE = {"key": "vm.swappiness", "value": "10"}
_K = {"/proc/sys/vm/swappiness": "60\n", "/proc/sys/vm/other": "1\n", "/etc/sysctl.d": {"directory": True}}

CONTRASTS: dict[str, Contrast] = {
    "key": vary(_K, _ONE, "key", "vm.swappiness", "vm.other"),
    "value": vary(_K, _ONE, "value", "10", "20"),
    "state": vary(_K, _ONE, "state", "present", "absent"),
    "live": vary(_K, _ONE, "live", True, False),
    "optional": vary({}, _ONE, "optional", True, False),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"key": draw(st.sampled_from(["net.a.b", "net/a/b", "net/a.1/b"]))}
    spec |= {
        "value": draw(st.sampled_from(["1", "1 2", "1\t2"])),
        "state": draw(st.sampled_from(["present", "absent"])),
    }
    spec |= draw(st.fixed_dictionaries({}, optional={"live": maybe, "optional": maybe}))
    live = {"/proc/sys/net/a/b": draw(st.sampled_from(["1\n", "0\n", "1\t2\n"]))} if draw(maybe) else {}
    return Scene({**live, "/etc/sysctl.d/99-vigo-net.a.b.conf": draw(nodes)}, spec)

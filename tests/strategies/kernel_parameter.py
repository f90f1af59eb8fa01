"""Scenes and contrasts of `kernel_parameter`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, maybe, nodes, vary

_ONE = {"parameter": "a", "value": "1"}
_G = {"/boot/grub/grub.cfg": "\tlinux\t/vmlinuz root=UUID=1 ro quiet\n", "/proc/cmdline": "ro quiet\n"}

CONTRASTS: dict[str, Contrast] = {
    "parameter": vary(_G, {}, "parameter", "a", "quiet"),
    "state": vary(_G, {"parameter": "quiet"}, "state", "present", "absent"),
    "value": vary(_G, {"parameter": "a"}, "value", "1", "2"),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"parameter": "x", "state": draw(st.sampled_from(["present", "absent"]))}
    if spec["state"] == "present" and draw(maybe):
        spec["value"] = draw(st.sampled_from(["1", "a,b:c", ""]))
    words = st.sampled_from(["", "quiet", "x", "x=1 quiet", "quiet  x=2 x=1"])
    paths: dict[str, Any] = {"/proc/cmdline": f"ro {draw(words)}\n"}
    if draw(st.integers(0, 6)):
        paths["/boot/grub/grub.cfg"] = f"\tlinux\t/vmlinuz ro {draw(words)}\n\tlinux /vmlinuz.old ro\n"
    if draw(maybe):
        paths["/etc/default/grub"] = f'# x=3\nGRUB_TIMEOUT=1\nGRUB_CMDLINE_LINUX_DEFAULT="{draw(words)}"\n'
    return Scene({**paths, "/etc/default/grub.d/zz-vigo-x.cfg": draw(nodes)}, spec)

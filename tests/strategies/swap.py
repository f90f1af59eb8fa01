"""Scenes and contrasts of `swap`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, maybe, vary

HEAD = "Filename\tType\tSize\tUsed\tPriority\n"
MIB = 1024 * 1024
_ONE = {"path": "/swap", "size": "1M"}
_DEVICE = {"/dev/sdb2": {"special": True}}
READY = {"content": b"swap\n".ljust(MIB, b"\0"), "mode": "0600"}

CONTRASTS: dict[str, Contrast] = {
    "path": vary({}, _ONE, "path", "/swap", "/other"),
    "state": vary({"/swap": READY}, _ONE, "state", "present", "absent"),
    "size": vary({}, _ONE, "size", "1M", "2M"),
    "format": vary({"/dev/x": {"link": "sdb2"}}, {"path": "/dev/x"}, "format", False, True),
    "priority": vary({}, _ONE, "priority", ..., 5),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"path": "/swap", "size": "1M", "state": draw(st.sampled_from(["present", "absent"]))}
    if draw(maybe):
        spec["priority"] = draw(st.sampled_from([-1, 5]))
    there = draw(
        st.sampled_from(
            [
                None,
                READY,
                {**READY, "mode": "0644"},
                {"content": "swap\n", "mode": "0600"},
                {"content": "ext4\n"},
                {"content": "".ljust(MIB, "\0")},
                {"directory": True},
                {"link": "/elsewhere"},
            ]
        )
    )
    paths: dict[str, Any] = {
        "/swap": there,
        "/etc/fstab": draw(st.sampled_from([None, "/swap none swap sw 0 0\n", "# x\n"])),
    }
    if isinstance(there, dict) and str(there.get("content")).startswith(("swap", "b'swap")) and draw(maybe):
        paths["/proc/swaps"] = f"{HEAD}/swap file 100 0 {draw(st.sampled_from([-2, 5]))}\n"
    return Scene(paths, spec)

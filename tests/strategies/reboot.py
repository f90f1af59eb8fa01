"""Scenes and contrasts of `reboot`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, maybe, vary

BOOT = "0f3c1e1a-0000-4000-8000-000000000001"
UP = {"/proc/sys/kernel/random/boot_id": f"{BOOT}\n", "/proc/uptime": "360000.12 1.00\n"}
_ONE = {"reboot": "a"}


def closed() -> str:
    """A window that is not open for hours."""
    return "-".join((datetime.now().astimezone() + timedelta(hours=hours)).strftime("%H:%M") for hours in (8, 9))


def yesterday() -> str:
    """A day that is not today, nor tomorrow."""
    return (datetime.now().astimezone() - timedelta(days=2)).strftime("%a").lower()


CONTRASTS: dict[str, Contrast] = {
    "reboot": vary(UP, {}, "reboot", "a", "b"),
    "if_exists": vary(UP, _ONE, "if_exists", ..., "/run/reboot-required"),
    "window": vary(UP, _ONE, "window", ..., closed()),
    "days": vary(UP, _ONE, "days", [], [yesterday()]),
    "delay_min": vary(UP, _ONE, "delay_min", 5, 10),
    "message": vary(UP, _ONE, "message", "one", "other"),
    "min_uptime_min": vary(UP, _ONE, "min_uptime_min", 60, 525_600),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"reboot": "x"}
    if draw(maybe):
        spec["if_exists"] = "/run/reboot-required"
    paths: dict[str, Any] = {**UP, "/proc/uptime": draw(st.sampled_from(["60.0 1.0\n", "360000.0 1.0\n"]))}
    if draw(maybe):
        paths["/run/reboot-required"] = "yes\n"
    remembered = draw(st.sampled_from([None, f"{BOOT}\n", "another\n"]))
    return Scene({**paths, "/var/lib/vigo-agent/reboots/x": remembered}, spec)

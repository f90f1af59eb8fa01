"""Scenes and contrasts of `systemd_timer`."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.strategies import programs
from tests.strategies.scenes import Contrast, Scene, maybe, nodes, vary
from tests.strategies.systemd_unit import BOOTED

_ONE = {"timer": "a", "on_calendar": "daily", "command": "true"}

CONTRASTS: dict[str, Contrast] = {
    field: vary(BOOTED, _ONE, field, one, other)
    for field, one, other in (
        ("timer", "a", "b"),
        ("state", "present", "absent"),
        ("on_calendar", "daily", ["hourly", "Mon 12:00"]),
        ("command", "true", "false"),
        ("description", "", "why"),
        ("user", "root", "web"),
        ("environment", {}, {"A": "b"}),
        ("working_directory", ..., "/srv"),
        ("persistent", False, True),
        ("random_delay_s", 0, 60),
        ("accuracy_s", 60, 1),
        ("timeout_s", 0, 60),
        ("enabled", True, False),
    )
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"timer": "x", "on_calendar": "daily", "state": draw(st.sampled_from(["present", "absent"]))}
    spec |= {"command": draw(st.sampled_from(["true", "invalid", 'echo "$HOME" %'])), "enabled": draw(maybe)}
    places = {f"/etc/systemd/system/x.{kind}": draw(nodes) for kind in ("service", "timer")}
    units = {}
    if draw(maybe):
        units["x.timer"] = {
            "active": draw(st.sampled_from(["active", "inactive"])),
            "file": draw(st.sampled_from(["enabled", "disabled"])),
        }
    return Scene({**BOOTED, **places, programs.UNITS: json.dumps(units)}, spec)

"""Scenes and contrasts of `cron`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, nodes, vary

_CRON = {"job": "a", "schedule": "@daily", "command": "true"}
_CRON_D = {"/etc/cron.d": {"directory": True}}

CONTRASTS: dict[str, Contrast] = {
    "job": vary(_CRON_D, _CRON, "job", "a", "b"),
    "state": vary(_CRON_D, _CRON, "state", "present", "absent"),
    "schedule": vary(_CRON_D, _CRON, "schedule", "@daily", "@hourly"),
    "command": vary(_CRON_D, _CRON, "command", "true", "false"),
    "user": vary(_CRON_D, _CRON, "user", "root", "web"),
    "environment": vary(_CRON_D, _CRON, "environment", {}, {"A": "b"}),
    "comment": vary(_CRON_D, _CRON, "comment", "", "why"),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"job": "x", "state": draw(st.sampled_from(["present", "present", "absent"]))}
    spec |= {"schedule": draw(st.sampled_from(["@daily", "5 4 * * *"])), "command": draw(st.sampled_from(["a", "b %"]))}
    spec |= draw(st.fixed_dictionaries({}, optional={"user": st.just("web"), "environment": st.just({"A": "b"})}))
    return Scene({"/etc/cron.d": {"directory": True}, "/etc/cron.d/vigo-x": draw(nodes)}, spec)

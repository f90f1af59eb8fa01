"""Scenes and contrasts of `service`."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.strategies import programs
from tests.strategies.scenes import Contrast, Scene, maybe, vary

_UNITS = {
    "/run/systemd/system": {"directory": True},
    programs.UNITS: '{"a.service": {"active": "active", "file": "enabled"}, "b.service": {"active": "inactive", "file": "enabled"}}',
}

CONTRASTS: dict[str, Contrast] = {
    "service": vary(_UNITS, {"state": "running"}, "service", "a", "b"),
    "state": vary(_UNITS, {"service": "a"}, "state", ..., "stopped"),
    "enabled": vary(_UNITS, {"service": "a"}, "enabled", ..., False),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    unit = {
        "active": draw(st.sampled_from(["active", "inactive", "failed", "activating"])),
        "file": draw(st.sampled_from(["enabled", "disabled", "static"])),
        "outdated": draw(maybe),
    }
    units = {"x.service": unit} if draw(st.integers(0, 5)) else {}
    spec: dict[str, Any] = {"service": "x"}
    spec |= draw(
        st.fixed_dictionaries({}, optional={"state": st.sampled_from(["running", "stopped"]), "enabled": maybe})
    )
    return Scene({"/run/systemd/system": {"directory": True}, programs.UNITS: json.dumps(units)}, spec)

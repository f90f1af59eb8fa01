"""Scenes and contrasts of `systemd_unit`."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.strategies import programs
from tests.strategies.scenes import Contrast, Scene, maybe, nodes, vary

BOOTED = {"/run/systemd/system": {"directory": True}, "/etc/systemd/system": {"directory": True}}
_ONE = {"unit": "a.service", "content": "[Service]\nExecStart=/bin/true\n"}

CONTRASTS: dict[str, Contrast] = {
    "unit": vary(BOOTED, _ONE, "unit", "a.service", "b.service.d/x.conf"),
    "state": vary({**BOOTED, "/etc/systemd/system/a.service": "x"}, _ONE, "state", "present", "absent"),
    "content": vary(BOOTED, {"unit": "a.service"}, "content", "[Unit]\n", "[Service]\n"),
    "source": Contrast(
        BOOTED, {"unit": "a.service", "source": "files/b"}, {"unit": "a.service", "content": "[Service]\n"}
    ),
    "enabled": vary(BOOTED, _ONE, "enabled", ..., True),
    "running": vary(BOOTED, _ONE, "running", ..., True),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    drop_in = draw(maybe)
    name = "x.service.d/y.conf" if drop_in else "x.service"
    content = draw(st.sampled_from(["[Service]\nExecStart=/x\n", "[Service]", "invalid\n", "ExecStart=/later\n"]))
    spec: dict[str, Any] = {"unit": name, "content": content, "state": draw(st.sampled_from(["present", "absent"]))}
    if spec["state"] == "present":
        spec |= draw(st.fixed_dictionaries({}, optional={"enabled": maybe, "running": maybe}))
    unit = {
        "active": draw(st.sampled_from(["active", "inactive", "failed"])),
        "file": draw(st.sampled_from(["enabled", "disabled", "static"])),
    }
    place = draw(nodes)
    units = {"x.service": unit} if drop_in or draw(maybe) else {}
    if not drop_in and units and draw(maybe):
        place = {"content": "old"}
        unit["read"] = draw(st.sampled_from(["old", "older"]))
    return Scene({**BOOTED, programs.UNITS: json.dumps(units), f"/etc/systemd/system/{name}": place}, spec)

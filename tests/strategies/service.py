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
    "masked": vary(_UNITS, {"service": "b"}, "masked", ..., True),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"service": "x"}
    spec |= draw(
        st.fixed_dictionaries({}, optional={"state": st.sampled_from(["running", "stopped"]), "enabled": maybe})
    )
    init = draw(st.sampled_from([_systemd, _systemd, _openrc, _sysv]))
    return Scene(init(draw, spec), spec)


def _systemd(draw: st.DrawFn, spec: dict[str, Any]) -> dict[str, Any]:
    unit = {
        "active": draw(st.sampled_from(["active", "inactive", "failed", "activating"])),
        "file": draw(st.sampled_from(["enabled", "disabled", "static", "masked"])),
        "outdated": draw(maybe),
    }
    if not spec.get("enabled") and spec.get("state") != "running" and draw(maybe):
        spec["masked"] = True
    elif draw(maybe):
        spec["masked"] = False
    units = {"x.service": unit} if draw(st.integers(0, 5)) else {}
    return {"/run/systemd/system": {"directory": True}, programs.UNITS: json.dumps(units)}


def _openrc(draw: st.DrawFn, _spec: dict[str, Any]) -> dict[str, Any]:
    word = draw(st.sampled_from(["started", "stopped", "crashed"]))
    enabled = {"/etc/runlevels/boot/x": ""} if draw(maybe) else {}
    running = json.dumps({"x": word}) if draw(st.integers(0, 5)) else "{}"
    return {"/run/openrc/softlevel": "", "/model/running": running, "/etc/runlevels/default/other": "", **enabled}


def _sysv(draw: st.DrawFn, _spec: dict[str, Any]) -> dict[str, Any]:
    paths: dict[str, Any] = {"/run/initctl": {"special": True}, "/etc/rc2.d/README": ""}
    if draw(st.integers(0, 5)):
        paths["/etc/init.d/x"] = "#!/bin/sh\n"
    if link := draw(st.sampled_from(["", "S01x", "K01x"])):
        paths[f"/etc/rc2.d/{link}"] = ""
    return {**paths, "/model/running": json.dumps({"x": draw(st.sampled_from(["+", "-", "?"]))})}

"""Scenes and contrasts of `capability`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, around, maybe, nodes, vary

_X = {"path": "/x"}
_F = {"/x": {"content": "", "mode": "0755"}}
_P = {**_X, "permitted": ["net_raw"]}
RAW = bytes.fromhex("0100000200200000000000000000000000000000")
"""`setcap cap_net_raw=ep`."""
_HELD = {"content": "", "mode": "0755", "attributes": {"security.capability": RAW}}

CONTRASTS: dict[str, Contrast] = {
    "path": vary({**_F, "/y": ""}, {"permitted": ["kill"]}, "path", "/x", "/y"),
    "permitted": vary(_F, _X, "permitted", ["kill"], ["bpf"]),
    "inheritable": vary(_F, _P, "inheritable", ..., ["kill"]),
    "effective": vary(_F, _P, "effective", True, False),
    "state": Contrast({"/x": _HELD}, _P, {**_X, "state": "absent"}),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"path": "/d/x", "state": draw(st.sampled_from(["present", "present", "absent"]))}
    if spec["state"] == "present":
        names = st.lists(st.sampled_from(["net_raw", "net_bind_service", "checkpoint_restore"]), max_size=2)
        spec |= {"permitted": draw(names), "inheritable": draw(names), "effective": draw(maybe)}
        if not (spec["permitted"] or spec["inheritable"]):
            spec["permitted"] = ["kill"]
    return Scene(around("/d/x", _HELD if draw(maybe) else draw(nodes)), spec)

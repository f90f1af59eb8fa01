"""Scenes and contrasts of `auditd_rule`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.programs import audit
from tests.strategies.scenes import Contrast, Scene, nodes, vary

_RULE = {"auditd_rule": "a", "rules": ["-w /etc/shadow -p wa"]}

CONTRASTS: dict[str, Contrast] = {
    "auditd_rule": vary({}, {"rules": ["-w /etc/shadow -p wa"]}, "auditd_rule", "a", "b"),
    "state": vary({}, _RULE, "state", "present", "absent"),
    "rules": vary({}, {"auditd_rule": "a"}, "rules", ["-w /a"], ["-w /b"]),
}
_SYSCALL = "-a always,exit -F arch=b64 -S settimeofday"


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"auditd_rule": "x", "state": draw(st.sampled_from(["present", "present", "absent"]))}
    spec["rules"] = draw(st.sampled_from([["-w /a -p wa"], [_SYSCALL, "-w /b"], ["-w /invalid"]]))
    old = draw(st.sampled_from(["", "-w /a -p wa -k x\n", "-w /c -k x\n"]))
    held = draw(st.one_of(nodes, st.just({"content": old, "mode": "0640"})))
    other = "-w /other -k other\n"
    paths = {
        "/etc/audit/rules.d/other.rules": other,
        "/etc/audit/rules.d/x.rules": held,
        "/etc/audit/audit.rules": draw(st.sampled_from([None, other, other + old])),
        audit.KERNEL: draw(st.sampled_from([None, other, other + old])),
        audit.LOCKED: draw(st.sampled_from([None, None, ""])),
    }
    return Scene(paths, spec)

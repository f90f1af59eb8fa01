"""Scenes and contrasts of `firewall`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.programs import firewalls
from tests.strategies.scenes import Contrast, Scene, vary

_WEB = {"rule": "web", "protocol": "tcp", "ports": [443]}
_UFW = {"/etc/ufw/ufw.conf": "ENABLED=yes\n"}
_FIREWALLD = {"/run/firewalld": {"directory": True}}

CONTRASTS: dict[str, Contrast] = {
    "rule": vary({}, {}, "rule", "a", "b"),
    "state": vary({}, _WEB, "state", "present", "absent"),
    "action": vary({}, _WEB, "action", "allow", "reject"),
    "direction": vary({}, _WEB, "direction", "in", "out"),
    "protocol": vary({}, {"rule": "a"}, "protocol", "any", "icmp"),
    "ports": vary({}, {"rule": "a", "protocol": "udp"}, "ports", [53], ["8000-8010"]),
    "source": vary({}, _WEB, "source", [], ["10.0.0.0/8"]),
    "destination": vary({}, _WEB, "destination", [], "fd00::1"),
    "interface": vary({}, _WEB, "interface", ..., "eth0"),
    "order": vary({}, _WEB, "order", 1, 2),
    "backend": vary({}, _WEB, "backend", "nftables", "firewalld"),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"rule": "x", "state": draw(st.sampled_from(["present", "present", "absent"]))}
    spec["protocol"] = draw(st.sampled_from(["any", "tcp", "udp", "icmp"]))
    optional: dict[str, st.SearchStrategy[Any]] = {
        "action": st.sampled_from(["allow", "deny", "reject"]),
        "source": st.sampled_from([["10.0.0.0/8"], ["fd00::/8", "10.0.0.9", "10.0.0.1", "10.0.0.9"]]),
        "destination": st.sampled_from([["10.0.0.2"], ["10.0.0.3", "fd00::3"]]),
        "order": st.sampled_from([0, 999]),
        "direction": st.sampled_from(["in", "out"]),
        "interface": st.just("eth0"),
    }
    if spec["protocol"] in ("tcp", "udp"):
        optional["ports"] = st.sampled_from([[80, 443, 80], [443, "8000-8010"]])
    spec |= draw(st.fixed_dictionaries({}, optional=optional))
    paths: dict[str, Any] = draw(st.sampled_from([{}, {}, {}, _UFW, _FIREWALLD]))
    rule = 'tcp dport { 1 } accept comment "vigo:7:{}:0123456789ab"'
    lines = "".join(
        f"\t\t{rule.replace('{}', name)}\n" for name in draw(st.sampled_from([[], ["x"], ["a", "x"], ["a"]]))
    )
    held = f"table inet vigo {{\n\tchain input {{\n{lines}\t}}\n}}\n"
    more = {
        firewalls.NFT: draw(st.sampled_from([None, held])),
        "/etc/nftables/vigo.nft": draw(st.sampled_from([None, held])),
        "/etc/nftables.conf": draw(st.sampled_from([None, "flush ruleset\n"])),
        firewalls.UFW: draw(st.sampled_from([None, "allow 1/tcp comment 'vigo:x:0123456789ab'\nallow 2\n"])),
        firewalls.NOW: draw(st.sampled_from([None, "a\nb\n"])),
        firewalls.LATER: draw(st.sampled_from([None, "b\n"])),
        "/etc/firewalld/vigo.rules": draw(st.sampled_from([None, "x\ta\nother\tb\nx\tb\n"])),
    }
    return Scene({**paths, **more}, spec)

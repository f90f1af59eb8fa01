"""Scenes and contrasts of `known_host`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from agent.tools import ssh
from tests.strategies import keys
from tests.strategies.scenes import Contrast, Scene, maybe, nodes, vary

SHARED = "/etc/ssh/ssh_known_hosts"
_FILES = {SHARED: f"a {keys.TWO}\n", "/srv": {"directory": True}}
_KNOWN = {"host": "a", "key": keys.ONE}
_HASH = ssh.hashed("a", bytes(20))

CONTRASTS: dict[str, Contrast] = {
    "host": vary(_FILES, {"key": keys.ONE}, "host", "a", "b"),
    "state": vary(_FILES, _KNOWN, "state", "present", "absent"),
    "key": vary(_FILES, {"host": "a"}, "key", keys.ONE, keys.RSA),
    "user": vary(_FILES, _KNOWN, "user", ..., "web"),
    "hashed": vary(_FILES, _KNOWN, "hashed", False, True),
}

_line = st.sampled_from(
    [
        f"a {keys.ONE}",
        f"a,b {keys.TWO} said",
        f"b {keys.TWO}",
        f"{_HASH} {keys.ONE}",
        f"a {keys.RSA}",
        f"@cert-authority a {keys.TWO}",
        "# a",
        "",
        "damaged",
    ]
)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"host": "a", "hashed": draw(maybe), "state": draw(st.sampled_from(["present", "absent"]))}
    if spec["state"] == "present" or draw(maybe):
        spec["key"] = f"{keys.ONE} said"
    text = "".join(f"{line}\n" for line in draw(st.lists(_line, max_size=5)))
    file = {"content": text, "mode": draw(st.sampled_from(["0644", "0666"]))}
    if draw(maybe):
        spec["user"] = "web"
        home = {"/srv": {"directory": True, "uid": 990}, "/srv/.ssh": {"directory": True, "uid": 990}}
        return Scene({**home, "/srv/.ssh/known_hosts": {**file, "uid": 990}}, spec)
    return Scene({SHARED: draw(st.one_of(st.just(file), nodes)), "/etc/machine-id": "0123\n"}, spec)

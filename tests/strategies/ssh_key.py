"""Scenes and contrasts of `ssh_key`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies import keys
from tests.strategies.scenes import Contrast, Scene, maybe, vary

_HOMES = {"/srv": {"directory": True}, "/root": {"directory": True}, "/srv/.ssh/authorized_keys": f"{keys.TWO} b\n"}
_KEY = {"user": "web", "key": keys.ONE}

CONTRASTS: dict[str, Contrast] = {
    "key": vary(_HOMES, {"user": "web"}, "key", keys.ONE, keys.RSA),
    "user": vary(_HOMES, {"key": keys.ONE}, "user", "web", "root"),
    "state": vary(_HOMES, {"user": "web", "key": keys.TWO}, "state", "present", "absent"),
    "options": vary(_HOMES, _KEY, "options", [], ["restrict"]),
    "comment": vary(_HOMES, _KEY, "comment", ..., "jane"),
    "exclusive": vary(_HOMES, _KEY, "exclusive", False, True),
    "path": vary({**_HOMES, "/etc/ssh/x": ""}, _KEY, "path", ..., "/etc/ssh/keys"),
}

_lines = st.sampled_from(
    ["", "# a\n", f"{keys.ONE}\n", f"{keys.ONE} a\n{keys.TWO} b\n", f'from="10.0.0.0/8",restrict {keys.ONE} a\n\n', "x"]
)
_file = st.fixed_dictionaries(
    {
        "content": _lines,
        "mode": st.sampled_from(["0600", "0664"]),
        "uid": st.sampled_from([0, 990]),
        "gid": st.just(991),
    }
)
_directory = st.fixed_dictionaries(
    {"directory": st.just(True), "mode": st.sampled_from(["0700", "0777"]), "uid": st.sampled_from([0, 990, 4])}
)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"user": draw(st.sampled_from(["web", "web", "ghost"])), "key": keys.ONE}
    spec |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "state": st.sampled_from(["present", "absent"]),
                "options": st.sampled_from([["restrict"], ['from="10.0.0.0/8"', "restrict"]]),
                "comment": st.sampled_from(["", "c d"]),
            },
        )
    )
    if spec.get("state") != "absent":
        spec["exclusive"] = draw(maybe)
    paths: dict[str, Any] = {"/srv": {"directory": True, "uid": 990, "gid": 991}}
    where = draw(st.sampled_from(["no directory", "link", "file", "file", "special", "directory"]))
    if where == "link":
        paths |= {"/elsewhere": {"directory": True}, "/srv/.ssh": {"link": "/elsewhere"}}
    elif where != "no directory":
        paths["/srv/.ssh"] = draw(_directory)
        node = {"special": {"special": True}, "directory": {"directory": True}}.get(where)
        paths["/srv/.ssh/authorized_keys"] = draw(_file) if node is None else node
    return Scene(paths, spec)

"""Scenes and contrasts of `acl`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from agent.hosts import posix_acl
from agent.hosts.posix_acl import GROUP, GROUP_OWNER, MASK, NOBODY, OTHER, OWNER, USER
from tests.strategies.scenes import Contrast, Scene, around, maybe, nodes, vary

_X = {"path": "/x"}
_U = {**_X, "users": {"web": "rw"}}
_F = {"/x": {"content": "", "mode": "0644"}}


def entries(**more: int) -> dict[tuple[int, int], int]:
    """A list with user 990 and group 991."""
    return {
        (OWNER, NOBODY): 6,
        (USER, 990): 6,
        (GROUP_OWNER, NOBODY): 4,
        (GROUP, 991): 5,
        (MASK, NOBODY): more.get("mask", 7),
        (OTHER, NOBODY): 0,
    }


def held(node: dict[str, Any], attribute: str, made: dict[tuple[int, int], int]) -> dict[str, Any]:
    """A node with a list, and the mode that it then has."""
    mode = posix_acl.mode_of(made, 0) if attribute == posix_acl.ACCESS else int(node.get("mode", "0755"), 8)
    return {**node, "mode": f"{mode:04o}", "attributes": {attribute: posix_acl.dump(made)}}


_L = {"/x": held({"content": ""}, posix_acl.ACCESS, entries())}

CONTRASTS: dict[str, Contrast] = {
    "path": vary({**_F, "/y": ""}, {"users": {"web": "r"}}, "path", "/x", "/y"),
    "users": vary(_F, _X, "users", {"web": "r"}, {"web": "rw"}),
    "groups": vary(_F, _U, "groups", ..., {"adm": "r"}),
    "mask": vary(_F, _U, "mask", ..., "r"),
    "default": vary({"/x": {"directory": True}}, _U, "default", False, True),
    "exclusive": vary(_L, _U, "exclusive", False, True),
    "state": vary(_L, {**_X, "users": {"web": "rw"}}, "state", "present", "absent"),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    accounts = st.sampled_from(["root", "web", "0", "990", "nobody-here"])
    perms = st.sampled_from(["", "r", "rw", "r-x", "rwx", "-w-"])
    spec: dict[str, Any] = {"path": "/d/x", "default": draw(maybe)}
    spec["users"] = draw(st.dictionaries(accounts, perms, max_size=2))
    spec["groups"] = draw(st.dictionaries(st.sampled_from(["adm", "991"]), perms, max_size=1))
    spec["state"] = draw(st.sampled_from(["present", "present", "absent"]))
    if spec["state"] == "present":
        spec["exclusive"] = draw(maybe) or not (spec["users"] or spec["groups"])
        if draw(maybe):
            spec["mask"] = draw(perms)
    node = draw(nodes)
    if draw(maybe):
        node = draw(st.sampled_from([{"content": "x", "uid": 990}, {"directory": True}]))
        attribute = posix_acl.DEFAULT if "directory" in node and draw(maybe) else posix_acl.ACCESS
        made = entries(mask=draw(st.integers(0, 7)))
        if draw(maybe):
            del made[GROUP, 991]
        node = held(node, attribute, made)
    return Scene(around("/d/x", node), spec)

"""Scenes and contrasts of `user`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, maybe, vary

_HOME = {"/home": {"directory": True}, "/srv/x": "x"}

_SHADOW = {"/etc/shadow": "web:$6$a:1:0:99999:7::20000:\n"}
_IN_ADM = {"/etc/group": "root:x:0:\nweb:x:991:\nadm:x:4:web\n"}

CONTRASTS: dict[str, Contrast] = {
    "user": vary({}, {"create_home": False}, "user", "new", "newer"),
    "state": vary({}, {"user": "web"}, "state", "present", "absent"),
    "uid": vary({}, {"user": "web"}, "uid", ..., 2000),
    "group": vary({}, {"user": "web"}, "group", ..., "adm"),
    "groups": vary({}, {"user": "web"}, "groups", ..., ["adm"]),
    "append": vary(_IN_ADM, {"user": "web", "groups": ["root"]}, "append", False, True),
    "comment": vary({}, {"user": "web"}, "comment", ..., "other"),
    "home": vary({}, {"user": "web"}, "home", ..., "/other"),
    "shell": vary({}, {"user": "web"}, "shell", ..., "/bin/sh"),
    "system": vary({}, {"user": "new", "create_home": False}, "system", False, True),
    "password_hash": vary({}, {"user": "web"}, "password_hash", ..., "hash"),
    "locked": vary(_SHADOW, {"user": "web"}, "locked", True, False),
    "expires": vary(_SHADOW, {"user": "web"}, "expires", "never", "2027-01-31"),
    "move_home": vary(_HOME, {"user": "web", "home": "/home/web"}, "move_home", False, True),
    "create_home": vary(_HOME, {"user": "new"}, "create_home", False, True),
    "remove_home": vary(_HOME, {"user": "web", "state": "absent"}, "remove_home", False, True),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"user": draw(st.sampled_from(["web", "new", "adm"]))}
    spec["state"] = draw(st.sampled_from(["present", "present", "absent"]))
    optional = {
        "uid": st.sampled_from([990, 2000]),
        "group": st.sampled_from(["web", "adm", "ghosts"]),
        "groups": st.lists(st.sampled_from(["root", "adm", "web"]), max_size=3),
        "comment": st.sampled_from(["", "Web", "-x"]),
        "home": st.sampled_from(["/srv", "/home/new"]),
        "shell": st.just("/bin/sh"),
        "system": maybe,
        "password_hash": st.sampled_from(["$6$a", "*"]),
        "locked": maybe,
        "expires": st.sampled_from(["never", "2027-01-31"]),
        "append": maybe,
        "move_home": maybe,
        "create_home": maybe,
        "remove_home": maybe,
    }
    spec |= draw(st.fixed_dictionaries({}, optional=optional))
    held = draw(st.sampled_from(["!", "$6$a", "!$6$a", "*"]))
    paths = {"/etc/shadow": f"web:{held}:1:0:99999:7:::\n", "/srv/file": "x"} if draw(maybe) else {}
    return Scene(paths, spec)

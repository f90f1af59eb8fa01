"""Scenes: a machine and a spec, for each resource type, small enough that things meet often."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.strategies import programs


class Scene(NamedTuple):
    """Paths for `machines.machine`, and the attributes of a spec."""

    paths: dict[str, Any]
    spec: dict[str, Any]


texts = st.sampled_from(["", "a\n", "b\n", "a\nb\n", "a\nb", "b\na\n", "x\r\ny\r\n", "#a\n#b\na\n", "ü\n"])
modes = st.sampled_from(["0644", "0600", "0755", "4755", "2770"])
owners = st.sampled_from(["root", "web", "0", "990"])
groups = st.sampled_from(["root", "adm", "991"])
owned = st.fixed_dictionaries({}, optional={"mode": modes, "owner": owners, "group": groups})
ids = st.sampled_from([0, 990, 991])
regular = st.fixed_dictionaries({"content": texts, "mode": modes, "uid": ids, "gid": ids})
nodes = st.one_of(
    st.none(),
    regular,
    st.fixed_dictionaries({"link": st.sampled_from(["/elsewhere", "x", "../x"])}),
    st.fixed_dictionaries({"directory": st.just(True), "mode": modes, "uid": ids, "gid": ids}),
    st.just({"special": True}),
)
maybe = st.booleans()


def _around(path: str, node: Any) -> dict[str, Any]:
    return {"/d": {"directory": True}, "/elsewhere": "keep\n", path: node}


@st.composite
def file(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"path": "/d/x", "state": draw(st.sampled_from(["present", "present", "absent"]))}
    spec |= draw(owned)
    if spec["state"] == "present" and draw(maybe):
        spec["content"] = draw(texts)
        if draw(maybe):
            spec["validate"] = "checker %"
    spec |= draw(st.fixed_dictionaries({}, optional={"backup": maybe, "sensitive": maybe}))
    return Scene(_around("/d/x", draw(nodes)), spec)


@st.composite
def directory(draw: st.DrawFn) -> Scene:
    path = draw(st.sampled_from(["/d/x", "/d/y/z/x"]))
    paths = _around(path, draw(nodes))
    if draw(maybe) and paths[path] is not None and paths[path].get("directory"):
        paths |= {f"{path}/f": "x", f"{path}/e/f": "x", f"{path}/l": {"link": "/elsewhere"}}
    spec = {"path": path, "state": draw(st.sampled_from(["present", "absent"])), "force": draw(maybe), **draw(owned)}
    return Scene(paths, spec)


@st.composite
def symlink(draw: st.DrawFn) -> Scene:
    spec = {"path": "/d/x", "force": draw(maybe), "state": draw(st.sampled_from(["present", "present", "absent"]))}
    spec["target"] = draw(st.sampled_from(["/elsewhere", "x", "/no/such"]))
    return Scene(_around("/d/x", draw(nodes)), spec)


@st.composite
def file_line(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"path": "/d/x", "line": draw(st.sampled_from(["a", "b", "#a", "", "new"]))}
    spec["state"] = draw(st.sampled_from(["present", "absent"]))
    patterns = st.sampled_from(["^a", "^#", "b", "^$", "nothing", "."])
    if draw(maybe):
        spec["match"] = draw(patterns)
    if spec["state"] == "present" and draw(maybe):
        spec["after"] = draw(patterns)
    if draw(maybe):
        spec["create"] = draw(maybe)
    return Scene(_around("/d/x", draw(nodes)), spec)


@st.composite
def cron(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"job": "x", "state": draw(st.sampled_from(["present", "present", "absent"]))}
    spec |= {"schedule": draw(st.sampled_from(["@daily", "5 4 * * *"])), "command": draw(st.sampled_from(["a", "b %"]))}
    spec |= draw(st.fixed_dictionaries({}, optional={"user": st.just("web"), "environment": st.just({"A": "b"})}))
    return Scene({"/etc/cron.d": {"directory": True}, "/etc/cron.d/vigo-x": draw(nodes)}, spec)


@st.composite
def exec_(draw: st.DrawFn) -> Scene:
    done = draw(st.sampled_from(["/done", "/d/done"]))
    guard = draw(
        st.sampled_from([{"creates": done}, {"unless": f"test -e {done}"}, {"creates": done, "onlyif": "test -e /go"}])
    )
    paths = {"/d": {"directory": True}} | ({"/go": ""} if draw(maybe) else {}) | ({done: ""} if draw(maybe) else {})
    return Scene(paths, {"command": f"touch {done}", **guard})


@st.composite
def service(draw: st.DrawFn) -> Scene:
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


@st.composite
def package(draw: st.DrawFn) -> Scene:
    status = draw(st.sampled_from(["", "x installed 1\n", "x installed 2\n", "x config-files 1\n", "x unpacked 1\n"]))
    other = draw(st.sampled_from(["", "y installed 7\n", "y unpacked 7\n"]))
    spec: dict[str, Any] = {"package": "x", "state": draw(st.sampled_from(["present", "absent", "purged"]))}
    if draw(maybe):
        spec["version"] = draw(st.sampled_from(["1", "2", "3"]))
    lists = draw(st.sampled_from(["", "x 1\n", "x 1\nx 2\n"]))
    return Scene({programs.STATUS: status + other, programs.LISTS: lists, programs.MIRROR: "x 1\nx 2\n"}, spec)


@st.composite
def group(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"group": draw(st.sampled_from(["web", "adm", "new"]))}
    spec["state"] = draw(st.sampled_from(["present", "present", "absent"]))
    spec |= draw(st.fixed_dictionaries({}, optional={"gid": st.sampled_from([4, 991, 4000]), "system": maybe}))
    return Scene({}, spec)


@st.composite
def user(draw: st.DrawFn) -> Scene:
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
        "password_hash": st.sampled_from(["$6$a", "!"]),
        "create_home": maybe,
        "remove_home": maybe,
    }
    spec |= draw(st.fixed_dictionaries({}, optional=optional))
    paths = {"/etc/shadow": "web:!:1:0:99999:7:::\n", "/srv/file": "x"} if draw(maybe) else {}
    return Scene(paths, spec)


SCENES: dict[str, st.SearchStrategy[Scene]] = {
    "cron": cron(),
    "directory": directory(),
    "exec": exec_(),
    "file": file(),
    "file_line": file_line(),
    "group": group(),
    "package": package(),
    "service": service(),
    "symlink": symlink(),
    "user": user(),
}
"""Resource type → scenes of it."""

"""Scenes and contrasts of `package`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies import programs
from tests.strategies.programs import packagers
from tests.strategies.scenes import Contrast, Scene, maybe, vary

_APT = {programs.LISTS: "a 1\na 2\nb 1\n", programs.STATUS: "a installed 2\n"}
_SYSTEMS = {"fedora": "dnf", "opensuse-leap": "zypper", "alpine": "apk", "arch": "pacman"}

CONTRASTS: dict[str, Contrast] = {
    "package": vary(_APT, {}, "package", "a", ["a", "b"]),
    "state": vary(_APT, {"package": "a"}, "state", "absent", "purged"),
    "version": vary(_APT, {"package": "a"}, "version", ..., "1"),
    "hold": vary(_APT, {"package": "a"}, "hold", ..., True),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    system = draw(st.sampled_from(["debian", "debian", *_SYSTEMS]))
    state = draw(st.sampled_from(["present", "absent", "purged", "latest"]))
    spec: dict[str, Any] = {"package": draw(st.sampled_from(["x", ["x", "y"]])), "state": state}
    if state == "present" and spec["package"] == "x" and draw(maybe):
        spec["version"] = draw(st.sampled_from(["1-r1", "2-r1", "3-r1"]))
    if system not in ("arch", "alpine") and draw(maybe):
        spec["hold"] = draw(maybe) and state == "present"
    lists = draw(st.sampled_from(["", "x 1-r1\ny 7-r1\n", "x 1-r1\nx 2-r1\ny 7-r1\n"]))
    paths = {programs.LISTS: lists, programs.MIRROR: "x 1-r1\nx 2-r1\ny 7-r1\n"}
    if system == "debian":
        return Scene(paths | {programs.STATUS: draw(_dpkg())}, spec)
    release = f'NAME=x\nID="{system}"\nID_LIKE="suse opensuse"\n' if system == "opensuse-leap" else f"ID={system}\n"
    known = draw(st.sampled_from([{}, {"x": "1-r1"}, {"x": "2-r1"}, {"x": "1-r1", "y": "7-r1"}]))
    installed = "".join(f"{name} {version}\n" for name, version in known.items())
    database = "".join(f"P:{name}\nV:{version}\n\n" for name, version in known.items())
    world = "".join(f"{name}\n" for name in known)
    paths |= {"/etc/os-release": release, packagers.INSTALLED: installed}
    return Scene(paths | {packagers.APK: database, packagers.WORLD: world}, spec)


@st.composite
def _dpkg(draw: st.DrawFn) -> str:
    of_x = ["", "x installed 1-r1\n", "x installed 2-r1\n", "x config-files 1-r1\n", "x unpacked 1-r1\n"]
    of_y = ["", "y installed 7-r1\n", "y installed 7-r1 hold\n", "y unpacked 7-r1\n"]
    return draw(st.sampled_from([*of_x, "x installed 1-r1 hold\n"])) + draw(st.sampled_from(of_y))

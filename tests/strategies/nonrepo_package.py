"""Scenes and contrasts of `nonrepo_package`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from schema.ids import sha256
from tests.strategies import programs
from tests.strategies.programs import packagers
from tests.strategies.scenes import Contrast, Scene, vary

_FILE = "Package: x\nVersion: 1-r1\n"
_OTHER = "Package: x\nVersion: 2-r1\n"
_SPEC = {"package": "x", "version": "1-r1", "path": "/x.deb", "sha256": sha256(_FILE.encode())}
_PATHS: dict[str, Any] = {"/x.deb": _FILE, "/y.deb": {"content": _FILE, "mode": "0666"}}

CONTRASTS: dict[str, Contrast] = {
    "package": vary(_PATHS, _SPEC, "package", "x", "y"),
    "state": Contrast({**_PATHS, programs.STATUS: "x installed 1-r1\n"}, _SPEC, {"package": "x", "state": "absent"}),
    "version": vary({**_PATHS, programs.STATUS: "x installed 1-r1\n"}, _SPEC, "version", "1-r1", "2-r1"),
    "path": vary(_PATHS, _SPEC, "path", "/x.deb", "/y.deb"),
    "sha256": vary(_PATHS, _SPEC, "sha256", _SPEC["sha256"], "0" * 64),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    system = draw(st.sampled_from(["debian", "fedora", "sles", "alpine", "arch"]))
    version = draw(st.sampled_from(["", "1-r1", "2-r1"]))
    content = draw(st.sampled_from([_FILE, _FILE, _OTHER]))
    node = draw(st.sampled_from([content, content, content, None, {"link": "/y"}, {"content": content, "uid": 990}]))
    pair = f"x {version}\n" if version else ""
    paths: dict[str, Any] = {"/etc/os-release": f"ID={system}\n", packagers.INSTALLED: pair}
    paths[packagers.APK] = f"P:x\nV:{version}\n\n" if version else ""
    paths[programs.STATUS] = (
        draw(st.sampled_from(["", f"x unpacked {version}\n", f"x installed {version}\n"])) if version else ""
    )
    if node is not None:
        paths["/x.deb"] = node
    spec = draw(st.sampled_from([_SPEC, _SPEC, {"package": "x", "state": "absent"}]))
    return Scene(paths, spec)

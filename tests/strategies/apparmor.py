"""Scenes and contrasts of `apparmor`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from agent.tools.apparmor_parser import LOADED
from tests.strategies.scenes import Contrast, Scene, vary

_TEXT = (
    "#include <tunables/global>\n\n/usr/sbin/x flags=(attach_disconnected) {\n  /etc/{a,b} r,\n  profile y {\n  }\n}\n"
)
_HERE = {LOADED: "", "/etc/apparmor.d/a": _TEXT, "/etc/apparmor.d/b": "profile b {\n}\n"}

CONTRASTS: dict[str, Contrast] = {
    "apparmor": vary(_HERE, {}, "apparmor", "a", "b"),
    "state": vary(_HERE, {"apparmor": "a"}, "state", "enforce", "complain"),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"apparmor": "a", "state": draw(st.sampled_from(["enforce", "complain", "disabled"]))}
    text = draw(
        st.sampled_from([None, _TEXT, "profile invalid {\n}\n", "profile b flags=(complain) {\n}\n", {"link": "b"}])
    )
    link = {"link": "/etc/apparmor.d/a"}
    paths = {
        LOADED: draw(st.sampled_from(["", "other (enforce)\n/usr/sbin/x (enforce)\n", "/usr/sbin/x (complain)\n"])),
        "/etc/apparmor.d/a": text,
        "/etc/apparmor.d/disable/a": draw(st.sampled_from([None, link])),
        "/etc/apparmor.d/force-complain/a": draw(st.sampled_from([None, link])),
    }
    return Scene(paths, spec)

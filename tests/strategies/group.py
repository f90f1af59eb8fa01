"""Scenes and contrasts of `group`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, maybe, vary

CONTRASTS: dict[str, Contrast] = {
    "group": vary({}, {}, "group", "new", "newer"),
    "state": vary({}, {"group": "adm"}, "state", "present", "absent"),
    "gid": vary({}, {"group": "adm"}, "gid", ..., 4000),
    "members": vary({}, {"group": "adm"}, "members", ..., ["web"]),
    "system": vary({}, {"group": "new"}, "system", False, True),
}

_members = st.sampled_from([[], ["web"], ["web", "root"], ["ghost"]])


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"group": draw(st.sampled_from(["web", "adm", "new"]))}
    spec["state"] = draw(st.sampled_from(["present", "present", "absent"]))
    spec |= draw(
        st.fixed_dictionaries(
            {}, optional={"gid": st.sampled_from([4, 991, 4000]), "system": maybe, "members": _members}
        )
    )
    return Scene({}, spec)

"""Scenes and contrasts of `blockinfile`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, around, edited, maybe, nodes, parts, vary

_X = {"path": "/x"}
_F = {"/x": {"content": "a\nb\n", "mode": "0644"}}
_B = {**_X, "block": "c\n"}

CONTRASTS: dict[str, Contrast] = {
    "path": vary({**_F, "/y": ""}, {"block": "c"}, "path", "/x", "/y"),
    "create": vary({}, _B, "create", False, True),
    **parts(_F, _B, {**_X, "block": "invalid"}),
    "block": vary(_F, _X, "block", "c", "d\ne"),
    "label": vary(_F, _B, "label", "one", "two"),
    "comment": vary(_F, _B, "comment", "#", ";"),
    "comment_end": vary(_F, {**_B, "comment": "<!--"}, "comment_end", "", "-->"),
    "after": vary(_F, _B, "after", ..., "^a"),
    "at_start": vary(_F, _B, "at_start", False, True),
    "state": vary({"/x": "# BEGIN vigo\nc\n# END vigo\n"}, _B, "state", "present", "absent"),
}

_texts = st.sampled_from(
    [
        "# BEGIN vigo\na\n# END vigo\n",
        "x\n# BEGIN vigo\n# END vigo",
        "# BEGIN vigo\r\nb\r\n# END vigo\r\nx\r\n",
        "# BEGIN vigo\n",
        "# END vigo\n# BEGIN vigo\n",
    ]
)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"path": "/d/x", "block": draw(st.sampled_from(["", "a", "a\nb\n", "\n", "ü\r\nx"]))}
    spec["state"] = draw(st.sampled_from(["present", "absent"]))
    if draw(maybe):
        spec["after"] = draw(st.sampled_from(["^a", "nothing", "."]))
    elif draw(maybe):
        spec["at_start"] = True
    spec |= {"create": draw(maybe), **draw(edited)}
    node = draw(nodes) if draw(maybe) else {"content": draw(_texts), "mode": "0600", "uid": 990}
    return Scene(around("/d/x", node), spec)

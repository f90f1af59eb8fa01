"""Scenes and contrasts of `ini`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, around, edited, maybe, nodes, parts, vary

_X = {"path": "/x"}
_F = {"/x": {"content": "[s]\na = 1\n", "mode": "0644"}}
_A = {**_X, "section": "s", "option": "a", "value": "2"}

CONTRASTS: dict[str, Contrast] = {
    "path": vary({**_F, "/y": ""}, {"option": "a", "value": "2"}, "path", "/x", "/y"),
    "create": vary({}, _A, "create", False, True),
    **parts(_F, _A, {**_A, "value": "invalid"}),
    "section": vary(_F, _A, "section", "s", "t"),
    "option": vary(_F, _A, "option", "a", "b"),
    "value": vary(_F, _A, "value", "1", "2"),
    "separator": vary(_F, _A, "separator", ..., "="),
    "state": vary(_F, {**_X, "section": "s", "option": "a"}, "state", "present", "absent"),
}

_texts = st.sampled_from(
    [
        "[s]\na = 1\n  2\n# c\nb=2\n\n[t]\na: x\n",
        "a=1\n[s]\n[s]\na = 1\na = 2\n",
        "; only a comment\n\n",
        "[s]\n\ta = 1\n\tflag\n",
        "[s] # heading\r\na=1\r\n",
        "[s]\na = 1",
        "[broken\n= x\n",
    ]
)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"path": "/d/x", "section": draw(st.sampled_from(["", "s", "t", "new"]))}
    spec["state"] = draw(st.sampled_from(["present", "absent"]))
    if spec["state"] == "present":
        spec |= draw(st.fixed_dictionaries({}, optional={"value": st.sampled_from(["1", "2", "", "a = b"])}))
        spec |= draw(st.fixed_dictionaries({}, optional={"separator": st.sampled_from(["=", " = ", ": "])}))
    if spec["state"] == "present" or not spec["section"] or draw(maybe):
        spec["option"] = draw(st.sampled_from(["a", "b", "flag", "new one"]))
    spec |= {"create": draw(maybe), **draw(edited)}
    node = draw(nodes) if draw(maybe) else {"content": draw(_texts), "mode": "0600", "uid": 990}
    return Scene(around("/d/x", node), spec)

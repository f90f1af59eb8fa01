"""Scenes and contrasts of `git`."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from agent.tools.git import CONFIG
from tests.strategies.programs.git import SERVER
from tests.strategies.scenes import Contrast, Scene, around, maybe, nodes, vary

ONE, TWO = "1" * 40, "2" * 40
_S = {
    SERVER: json.dumps(
        {
            "refs": {"refs/heads/main": TWO, "refs/tags/v1": "f" * 40, "refs/tags/v1^{}": ONE, "HEAD": TWO},
            "commits": {ONE: {"a": "1\n", "old": ""}, TWO: {"a": "2\n", "b": ""}, "f" * 40: {}},
        }
    ).replace('"refs/tags/v1": "' + "f" * 40, '"refs/tags/v1": "' + ONE)
}
_X = {"path": "/srv/x", "url": "https://git.example.org/x.git", "revision": "v1"}


def standing(path: str, commit: str, files: dict[str, str]) -> dict[str, Any]:
    """A checkout that is there."""
    own = {"HEAD": f"{commit}\n", "config": CONFIG.decode(), "objects": f"{commit}\n"}
    return {path: {"directory": True}, **{f"{path}/.git/{name}": text for name, text in own.items()}} | {
        f"{path}/{name}": text for name, text in files.items()
    }


_C = standing("/srv/x", ONE, {"a": "changed\n", "old": ""})

CONTRASTS: dict[str, Contrast] = {
    "path": vary(_S, _X, "path", "/srv/x", "/srv/y"),
    "url": vary(_S, _X, "url", "https://git.example.org/x.git", "git@git.example.org:x.git"),
    "revision": vary(_S, _X, "revision", "v1", "main"),
    "keep_local": vary({**_S, **_C}, _X, "keep_local", False, True),
    "user": vary(_S, _X, "user", ..., "web"),
    "key_file": vary(_S, _X, "key_file", ..., "/root/key"),
    "ca_file": vary(_S, _X, "ca_file", ..., "/etc/ca.pem"),
    "timeout_s": vary(_S, _X, "timeout_s", 1, 2),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"path": "/d/x", "url": "ssh://git@example.org/x", "keep_local": draw(maybe)}
    spec["revision"] = draw(st.sampled_from(["v1", "main", "HEAD", "none", ONE, TWO, "3" * 40]))
    if draw(maybe):
        paths = around("/d/x", None)
        paths |= standing("/d/x", ONE, {"a": draw(st.sampled_from(["1\n", "changed\n"])), "old": "", "own": "x"})
        if draw(maybe):
            paths["/d/x/.git/config"] = "[core]\n\thooksPath = evil\n"
        if draw(maybe):
            paths["/d/x/.git/index.lock"] = ""
    else:
        paths = around("/d/x", draw(nodes))
    return Scene(paths | _S, spec)

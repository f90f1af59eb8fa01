"""Scenes and contrasts of `download`."""

from __future__ import annotations

import hashlib
from typing import Any

from hypothesis import strategies as st

from schema.ids import sha256
from tests.strategies.programs.fetching import WEB
from tests.strategies.scenes import Contrast, Scene, around, maybe, nodes, owned, vary

ONE, TWO = b"one\n", b"two!\n"
_W = {f"{WEB}/one": ONE, f"{WEB}/two": TWO, f"{WEB}/big": bytes(2 * 1024 * 1024)}
_X = {"path": "/x", "url": "https://example.org/one", "sha256": sha256(ONE)}
_BIG = {"path": "/x", "url": "https://example.org/big", "sha256": sha256(bytes(2 * 1024 * 1024))}
_PART = hashlib.sha256(b"x").hexdigest()[:16]

CONTRASTS: dict[str, Contrast] = {
    "path": vary(_W, _X, "path", "/x", "/y"),
    "url": vary(_W, _X, "url", "https://example.org/one", "https://example.org/none"),
    "sha256": vary(_W, _X, "sha256", sha256(ONE), sha256(TWO)),
    "mode": vary(_W, _X, "mode", ..., "0600"),
    "owner": vary(_W, _X, "owner", ..., "web"),
    "group": vary(_W, _X, "group", ..., "adm"),
    "headers": vary(_W, _X, "headers", ..., {"Authorization": "Bearer x"}),
    "ca_file": vary(_W, _X, "ca_file", ..., "/etc/ca.pem"),
    "max_mib": vary(_W, _BIG, "max_mib", 1, 2),
    "timeout_s": vary(_W, _X, "timeout_s", 1, 2),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    data = draw(st.sampled_from([ONE, TWO]))
    name = draw(st.sampled_from(["one", "two", "none"]))
    spec: dict[str, Any] = {"path": "/d/x", "url": f"http://example.org/{name}", "sha256": sha256(data)}
    spec |= draw(owned)
    paths = around("/d/x", draw(nodes)) | _W
    if draw(maybe):
        part = f"/d/.vigo-{_PART}-{sha256(data)[:16]}.part"
        paths[part] = {"content": draw(st.sampled_from([b"", b"on", b"tw", ONE, b"rubbish"])), "mode": "0600"}
    if draw(maybe):
        paths[f"/d/.vigo-{_PART}-{'0' * 16}.part"] = "of another"
    return Scene(paths, spec)

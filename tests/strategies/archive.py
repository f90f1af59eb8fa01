"""Scenes and contrasts of `archive`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from schema.ids import sha256
from tests.factories import archives
from tests.strategies.scenes import Contrast, Scene, around, maybe, nodes, vary

ONE = archives.tar({"top": None, "top/a": b"a", "top/b/c": {"data": b"c", "mode": 0o4755}}, "w:gz")
LINKS = archives.tar({"a": b"a", "l": archives.symlink("a"), "h": archives.hard_link("a")})
ZIP = archives.zipped({"a": b"a" * 100, "d/": b"", "d/e": b""}, modes={"d/": 0o40755, "d/e": 0o100755})
BAD = archives.tar({"a": b"a", "../out": b"x"})
MANY = archives.tar({str(number): b"" for number in range(3)})
LARGE = archives.tar({"zeros": bytes(2 * 1024 * 1024)}, "w:gz")
_A = {
    "/a.tgz": ONE,
    "/b.zip": ZIP,
    "/l.tar": LINKS,
    "/large.tgz": LARGE,
    "/many.tar": MANY,
    "/s/x": {"directory": True},
}
_X = {"path": "/s/x", "file": "/a.tgz"}

CONTRASTS: dict[str, Contrast] = {
    "path": vary(_A, {"file": "/a.tgz"}, "path", "/s/x", "/s/y"),
    "source": Contrast(_A, {"path": "/s/x", "source": "files/b"}, _X),
    "file": vary(_A, _X, "file", "/a.tgz", "/b.zip"),
    "sha256": vary(_A, _X, "sha256", ..., "0" * 64),
    "strip": vary(_A, _X, "strip", 0, 1),
    "owner": vary(_A, _X, "owner", ..., "web"),
    "group": vary(_A, _X, "group", ..., "adm"),
    "links": vary(_A, {**_X, "file": "/l.tar"}, "links", "refuse", "within"),
    "setuid": vary(_A, _X, "setuid", False, True),
    "force": vary({**_A, "/s/x/own": ""}, _X, "force", False, True),
    "max_mib": vary(_A, {**_X, "file": "/large.tgz", "max_ratio": 10_000}, "max_mib", 1, 2),
    "max_entries": vary(_A, {**_X, "file": "/many.tar"}, "max_entries", 2, 3),
    "max_ratio": vary(_A, {**_X, "file": "/large.tgz"}, "max_ratio", 100, 10_000),
    "state": Contrast(_A, _X, {"path": "/s/x", "state": "absent"}),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"path": "/d/x", "state": draw(st.sampled_from(["present", "present", "absent"]))}
    spec |= {"force": draw(maybe), "setuid": draw(maybe), "strip": draw(st.sampled_from([0, 0, 1]))}
    spec |= draw(st.fixed_dictionaries({}, optional={"owner": st.sampled_from(["web", "0"])}))
    archive = draw(st.sampled_from([ONE, LINKS, ZIP, BAD, b"no archive", b""]))
    if spec["state"] == "present":
        spec |= {"file": "/d/archive", "links": draw(st.sampled_from(["refuse", "within"]))}
        if draw(maybe):
            spec["sha256"] = sha256(archive)
    paths = around("/d/x", draw(nodes)) | {"/d/archive": archive}
    if draw(maybe) and paths["/d/x"] is not None and paths["/d/x"].get("directory"):
        paths["/d/x/f"] = "own"
    return Scene(paths, spec)

"""Scenes and contrasts of `repository`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.factories import openpgp
from tests.strategies.scenes import Contrast, Scene, maybe, vary

DEBIAN = {"repository": "x", "uris": "http://x.example/debian", "suites": "bookworm", "components": "main"}
FEDORA = {"repository": "x", "uris": "http://x.example/fedora"}
_KEY = {"key": openpgp.armored(openpgp.key(1)), "fingerprint": openpgp.fingerprint(1)}
_OTHER_KEY = {"key": openpgp.armored(openpgp.key(2)), "fingerprint": openpgp.fingerprint(2)}
_APT = {"/etc/apt/sources.list.d": {"directory": True}}
_DNF = {
    "/etc/os-release": "ID=fedora\n",
    "/etc/yum.repos.d": {"directory": True},
    "/etc/pki/rpm-gpg": {"directory": True},
}
_ZYPPER = {
    "/etc/os-release": "ID=sles\n",
    "/etc/zypp/repos.d": {"directory": True},
    "/etc/pki/rpm-gpg": {"directory": True},
}
_THERE = {"/etc/apt/sources.list.d/x.sources": "Types: deb\n", **_APT}

CONTRASTS: dict[str, Contrast] = {
    "repository": vary(_APT, DEBIAN, "repository", "x", "y"),
    "state": vary(_THERE, DEBIAN, "state", "present", "absent"),
    "uris": vary(_APT, DEBIAN, "uris", "http://x.example/debian", ["http://x.example/debian", "http://y.example/"]),
    "suites": vary(_APT, DEBIAN, "suites", "bookworm", "trixie"),
    "components": vary(_APT, DEBIAN, "components", "main", "contrib"),
    "architectures": vary(_APT, DEBIAN, "architectures", [], ["amd64"]),
    "types": vary(_APT, DEBIAN, "types", ["deb"], ["deb", "deb-src"]),
    "mirrorlist": vary(_DNF, {"repository": "x"}, "mirrorlist", "http://x.example/a", "http://x.example/b"),
    "description": vary(_DNF, FEDORA, "description", ..., "Ours"),
    "enabled": vary(_APT, DEBIAN, "enabled", True, False),
    "key": Contrast(_APT, DEBIAN, DEBIAN | _KEY),
    "source": Contrast(_APT, DEBIAN | _KEY, DEBIAN | {"source": "files/b", "fingerprint": openpgp.fingerprint(1)}),
    "fingerprint": vary(_APT, DEBIAN | _KEY, "fingerprint", openpgp.fingerprint(1), openpgp.fingerprint(2)),
    "signed_lists": vary(_DNF, FEDORA, "signed_lists", False, True),
    "unsigned": vary(_APT, DEBIAN, "unsigned", False, True),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    system = draw(st.sampled_from(["apt", "apt", "dnf", "zypper"]))
    paths: dict[str, Any] = dict({"apt": _APT, "dnf": _DNF, "zypper": _ZYPPER}[system])
    spec: dict[str, Any] = dict(DEBIAN if system == "apt" else FEDORA)
    spec["state"] = draw(st.sampled_from(["present", "present", "absent"]))
    if draw(st.integers(0, 9)) == 0:
        spec["uris"] = "http://unreachable.example/"
    spec |= draw(st.sampled_from([{}, _KEY, _OTHER_KEY, {"unsigned": True}]))
    spec["enabled"] = draw(st.sampled_from([True, True, False]))
    old = st.sampled_from(
        [None, "[x]\nbaseurl=http://old.example/\n", {"content": "x", "mode": "0600"}, {"link": "/etc/x"}]
    )
    names = {"apt": "apt/sources.list.d/x.sources", "dnf": "yum.repos.d/x.repo", "zypper": "zypp/repos.d/x.repo"}
    paths[f"/etc/{names[system]}"] = draw(old)
    keys = {"apt": ["apt/keyrings/x.asc", "apt/keyrings/x.gpg"]}.get(system, ["pki/rpm-gpg/vigo-x"])
    paths[f"/etc/{draw(st.sampled_from(keys))}"] = draw(st.sampled_from([None, _KEY["key"], "damaged"]))
    if draw(maybe):
        paths["/var/lib/apt/lists/x.example_debian_dists_bookworm_InRelease"] = "x"
        paths["/var/cache/dnf/x-0123456789abcdef/repodata/repomd.xml"] = "x"
    return Scene({path: node for path, node in paths.items() if node is not None}, spec)

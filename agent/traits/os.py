"""The operating system, as os-release(5) names it."""

from __future__ import annotations

from typing import Any, Final

from agent.hosts import Host
from agent.traits import sources

_FAMILIES: Final = {
    "debian": ("debian", "ubuntu"),
    "redhat": ("rhel", "fedora", "centos"),
    "suse": ("suse", "opensuse", "sles"),
    "arch": ("arch",),
    "alpine": ("alpine",),
}
_INITS: Final = (
    ("systemd", ("/run/systemd/system",), ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")),
    ("openrc", ("/run/openrc",), ("/sbin/openrc", "/usr/bin/openrc")),
)
"""Name; what is there while it runs; what is there where nothing runs but it would."""


def collect(host: Host) -> dict[str, Any]:
    """`os.*` of `schema.traits`."""
    release: dict[str, str] = {}
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        if (content := sources.text(host, path)) is not None:
            release = sources.assignments(content)
            break
    distro = release.get("ID", "linux").lower()
    kin = [distro, *release.get("ID_LIKE", "").lower().split()]
    family = next((name for name, ids in _FAMILIES.items() if any(each in ids for each in kin)), distro)
    found = {
        "family": family,
        "distro": distro,
        "id": distro,
        "version": release.get("VERSION_ID", ""),
        "name": release.get("PRETTY_NAME", distro),
        "init": _init(host),
    }
    if codename := release.get("VERSION_CODENAME"):
        found["codename"] = codename
    return found


def _init(host: Host) -> str:
    for name, running, installed in _INITS:
        if any(host.lstat(path) for path in (installed if host.confined else running)):
            return name
    return "other"

"""Whether the host is a container, and what runs containers on it."""

from __future__ import annotations

from typing import Any, Final

from agent.hosts import Host
from agent.traits import sources

_SIGNS: Final = (("/.dockerenv", "docker"), ("/run/.containerenv", "podman"), ("/run/systemd/container", ""))
_CGROUPS: Final = (
    ("/kubepods", "kubernetes"),
    ("/docker/", "docker"),
    ("/libpod", "podman"),
    ("/lxc/", "lxc"),
    ("/machine.slice/", "systemd-nspawn"),
)
_RUNTIMES: Final = (
    ("docker", ("/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd")),
    ("podman", ("/usr/bin/podman", "/usr/local/bin/podman")),
    ("containerd", ("/usr/bin/containerd", "/usr/local/bin/containerd")),
    ("cri-o", ("/usr/bin/crio", "/usr/local/bin/crio")),
    ("lxc", ("/usr/bin/lxc-start",)),
    ("lxd", ("/usr/sbin/lxd", "/snap/bin/lxd")),
)


def collect(host: Host) -> dict[str, Any]:
    """`container.*` of `schema.traits`."""
    inside = engine(host)
    found: dict[str, Any] = {
        "inside": inside is not None,
        "runtimes": [name for name, paths in _RUNTIMES if any(host.lstat(path) for path in paths)],
    }
    return {**found, "engine": inside} if inside else found


def engine(host: Host) -> str | None:
    """What the host is a container of; empty where that is not known, None where it is none."""
    cgroup = "" if host.confined else sources.readable(host, "/proc/1/cgroup")
    named = next((name for words, name in _CGROUPS if words in cgroup), None)
    for path, name in _SIGNS:
        if host.lstat(path) is not None:
            return named or name or sources.readable(host, path).strip()[:64]
    return named

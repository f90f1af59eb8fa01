"""Modules of the running kernel, and those that modprobe.d(5) forbids."""

from __future__ import annotations

from typing import Any, Final

from agent.hosts import Host
from agent.traits import sources

_DIRECTORIES: Final = ("/lib/modprobe.d", "/usr/lib/modprobe.d", "/run/modprobe.d", "/etc/modprobe.d")
_NOTHING: Final = frozenset({"true", "false"})


def collect(host: Host) -> dict[str, Any]:
    """`kernel_modules.*` of `schema.traits`."""
    lines = (sources.kernel_text(host, "/proc/modules") or "").splitlines()
    return {"loaded": sorted({line.split()[0] for line in lines if line.split()}), "disabled": _disabled(host)}


def _disabled(host: Host) -> list[str]:
    files: dict[str, str] = {}
    for directory in _DIRECTORIES:  # a later directory's file stands for an earlier one's of the same name
        for name in sources.names(host, directory):
            if name.endswith(".conf"):
                files[name] = f"{directory}/{name}"
    found = set()
    for path in files.values():
        for line in sources.meaningful(sources.readable(host, path)):
            words = line.split()
            if words[0] == "blacklist" and len(words) > 1:
                found.add(words[1])
            if words[0] == "install" and len(words) > 2 and words[2].rpartition("/")[2] in _NOTHING:
                found.add(words[1])
    return sorted(found)

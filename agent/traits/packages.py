"""Installed packages: dpkg, apk and pacman from their own files, rpm by its program."""

from __future__ import annotations

from typing import Any, Final

from agent.hosts import Host
from agent.traits import sources

_DPKG: Final = "/var/lib/dpkg/status"
_APK: Final = "/lib/apk/db/installed"
_PACMAN: Final = "/var/lib/pacman/local"


def collect(host: Host) -> dict[str, Any]:
    """`packages.*` of `schema.traits`."""
    if (status := sources.text(host, _DPKG)) is not None:
        return _dpkg(status)
    if (installed := sources.text(host, _APK)) is not None:
        return _apk(installed)
    if host.lstat(_PACMAN) is not None:
        parts = (name.rsplit("-", 2) for name in host.listdir(_PACMAN))
        return {part[0]: f"{part[1]}-{part[2]}" for part in parts if len(part) == 3}
    if host.which("rpm") is not None:
        ran = host.run(["rpm", "-qa", "--qf", r"%{NAME}\t%{EVR}\n"], timeout_s=8.0)
        return dict(line.split("\t", 1) for line in ran.text.splitlines() if "\t" in line)
    return {}


def _dpkg(status: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for stanza in status.split("\n\n"):
        name = version = architecture = ""
        installed = False
        for line in stanza.split("\n"):
            if line.startswith("Package: "):
                name = line[9:]
            elif line.startswith("Status: "):
                installed = line.endswith(" installed")
            elif line.startswith("Architecture: "):
                architecture = line[14:]
            elif line.startswith("Version: "):
                version = line[9:]
                break  # the long fields come behind
        if name and installed:
            found[f"{name}:{architecture}" if name in found else name] = version
    return found


def _apk(installed: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for stanza in installed.split("\n\n"):
        lines = {line[:2]: line[2:] for line in stanza.split("\n") if line[1:2] == ":"}
        if "P:" in lines:
            found[lines["P:"]] = lines.get("V:", "")
    return found

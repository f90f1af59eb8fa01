"""Installed packages: dpkg, apk and pacman from their own files, rpm by its program."""

from __future__ import annotations

import time
from threading import Lock
from typing import Any, Final, NamedTuple

from agent.hosts import Host
from agent.traits import sources

_DPKG: Final = "/var/lib/dpkg/status"
_APK: Final = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")
_PACMAN: Final = "/var/lib/pacman/local"
_RPM: Final = ["rpm", "-qa", "--qf", r"%{NAME}\t%{EVR}\t%{ARCH}\t%{SOURCERPM}\n"]
_TIMEOUT_S: Final = 8.0
_KEPT_S: Final = 20.0
_MEMO: Final = "packages"
_lock: Final = Lock()


class Package(NamedTuple):
    """One that is installed."""

    version: str
    architecture: str = ""
    source: str = ""
    """The source package; empty where it has the same name."""
    source_version: str = ""
    """Empty where it has the same version."""


def collect(host: Host) -> dict[str, Any]:
    """`packages.*` of `schema.traits`."""
    return {name: each.version for name, each in installed(host).items()}


def installed(host: Host) -> dict[str, Package]:
    """All of them by name, `name:architecture` for a second one of a name; read once for who asks at the same time.

    Raises:
        LookupError: rpm does not answer.
    """
    with _lock:
        kept: tuple[float, dict[str, Package]] | None = sources.kept(host).get(_MEMO)
        if kept is not None and time.monotonic() - kept[0] < _KEPT_S:
            return kept[1]
        found = _read(host)
        sources.kept(host)[_MEMO] = (time.monotonic(), found)
        return found


def _read(host: Host) -> dict[str, Package]:
    if (status := sources.text(host, _DPKG)) is not None:
        return _dpkg(status)
    for path in _APK:
        if (database := sources.text(host, path)) is not None:
            return _apk(database)
    if host.lstat(_PACMAN) is not None:
        parts = (name.rsplit("-", 2) for name in host.listdir(_PACMAN))
        return {part[0]: Package(f"{part[1]}-{part[2]}") for part in parts if len(part) == 3}
    return _rpm(host) if host.which("rpm") is not None else {}


def _dpkg(status: str) -> dict[str, Package]:
    found: dict[str, Package] = {}
    for stanza in status.split("\n\n"):
        name = version = architecture = source = ""
        is_installed = False
        for line in stanza.split("\n"):
            if line.startswith("Package: "):
                name = line[9:]
            elif line.startswith("Status: "):
                is_installed = line.endswith(" installed")
            elif line.startswith("Architecture: "):
                architecture = line[14:]
            elif line.startswith("Source: "):
                source = line[8:]
            elif line.startswith("Version: "):
                version = line[9:]
                break  # the long fields come behind
        if name and is_installed:
            of, _, its = source.partition(" ")
            key = f"{name}:{architecture}" if name in found else name
            found[key] = Package(version, architecture, of if of != name else "", its.strip("()"))
    return found


def _apk(database: str) -> dict[str, Package]:
    """apk-tools' database: a stanza for each package, fields of one letter, `o` the package it was built from."""
    found: dict[str, Package] = {}
    for stanza in database.split("\n\n"):
        lines = {line[:2]: line[2:] for line in stanza.split("\n") if line[1:2] == ":"}
        if name := lines.get("P:"):
            origin = lines.get("o:", "")
            found[name] = Package(lines.get("V:", ""), lines.get("A:", ""), origin if origin != name else "")
    return found


def _rpm(host: Host) -> dict[str, Package]:
    ran = host.run(_RPM, timeout_s=_TIMEOUT_S)
    if ran.code != 0:
        raise LookupError(f"rpm -qa: {ran.complaint}")
    found: dict[str, Package] = {}
    for line in ran.text.splitlines():
        parts = line.split("\t")
        if len(parts) != 4:
            continue
        name, version, architecture, built_from = parts
        of, _, rest = built_from.removesuffix(".src.rpm").rpartition("-")
        source, _, of_version = of.rpartition("-")
        its = f"{of_version}-{rest}"
        other = its if source and its != version.rpartition(":")[2] else ""
        key = f"{name}:{architecture}" if name in found else name
        found[key] = Package(version, architecture, source if source != name else "", other)
    return found

"""What there would be newer, as far as the host's own lists know. They are never fetched to find out."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from agent.hosts import Host, Ran
from agent.traits import packages, sources
from schema.time import SECOND, to_rfc3339

_TIMEOUT_S: Final = 9.0
_MEMO: Final = "package_updates"
_DATABASES: Final = (
    "/var/lib/dpkg/status",
    "/var/lib/rpm/rpmdb.sqlite",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/lib/apk/db/installed",
)
"""As old as the last change of what is installed."""
_APT: Final = re.compile(r"([^/\s]+)/(\S+) (\S+) \S+ \[upgradable from: ([^]]+)\]")
_APK: Final = re.compile(r"(\S+)-(\d\S*-r\d+)\s+<\s+(\S+).*")
_PACMAN: Final = re.compile(r"(\S+) (\S+) -> (\S+).*")
_DNF: Final = re.compile(r"(\S+)\.([a-z0-9_]+)\s+(\S+)\s+(\S+)")


class _Update(NamedTuple):
    available: str
    installed: str = ""
    security: bool | None = None


class _Asking(NamedTuple):
    name: str
    argv: list[str]
    codes: tuple[int, ...]
    read: Callable[[str], Iterable[tuple[str, _Update]]]
    lists: tuple[str, ...]
    """Patterns of files that are as old as the lists."""


def _apt(said: str) -> Iterable[tuple[str, _Update]]:
    for found in map(_APT.fullmatch, said.splitlines()):
        if found is not None:
            yield found[1], _Update(found[3], found[4], "security" in found[2])


def _dnf(said: str) -> Iterable[tuple[str, _Update]]:
    for line in said.partition("Obsoleting Packages")[0].splitlines():
        if (found := _DNF.fullmatch(line.strip())) is not None:
            yield found[1], _Update(found[3])


def _apk(said: str) -> Iterable[tuple[str, _Update]]:
    for found in map(_APK.fullmatch, said.splitlines()):
        if found is not None:
            yield found[1], _Update(found[3], found[2])


def _zypper(said: str) -> Iterable[tuple[str, _Update]]:
    for line in said.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) >= 6 and cells[0] == "v":
            yield cells[2], _Update(cells[4], cells[3])


def _pacman(said: str) -> Iterable[tuple[str, _Update]]:
    for found in map(_PACMAN.fullmatch, said.splitlines()):
        if found is not None:
            yield found[1], _Update(found[3], found[2])


_MANAGERS: Final = (
    _Asking(
        "apt",
        ["apt", "list", "--upgradable", "-qq"],  # a third of what simulating the upgrade costs
        (0,),
        _apt,
        ("/var/lib/apt/periodic/update-success-stamp", "/var/lib/apt/lists/*Release"),
    ),
    _Asking(
        "dnf",
        ["dnf", "--cacheonly", "--quiet", "check-update"],
        (0, 100),
        _dnf,
        ("/var/cache/dnf/*/repodata/repomd.xml", "/var/cache/libdnf5/*/repodata/repomd.xml"),
    ),
    _Asking("apk", ["apk", "--no-network", "version", "-l", "<"], (0,), _apk, ("/var/cache/apk/APKINDEX.*",)),
    _Asking(
        "zypper",
        ["zypper", "--no-refresh", "--non-interactive", "--quiet", "list-updates"],
        (0,),
        _zypper,
        ("/var/cache/zypp/raw/*/repodata/repomd.xml",),
    ),
    _Asking("pacman", ["pacman", "--query", "--upgrades"], (0, 1), _pacman, ("/var/lib/pacman/sync/*.db",)),
)


def collect(host: Host) -> dict[str, Any]:
    """`package_updates.*` of `schema.traits`.

    Raises:
        LookupError: the package manager does not answer.
    """
    manager = next((each for each in _MANAGERS if host.which(each.argv[0]) is not None), None)
    if manager is None:
        return {"count": 0, "updates": {}}
    stamps = [sources.modified(host, path) for path in (*_matching(host, manager.lists), *_DATABASES)]
    kept: tuple[list[int | None], dict[str, Any]] | None = sources.kept(host).get(_MEMO)
    if kept is not None and kept[0] == stamps and any(stamps):
        return kept[1]
    found = _asked(host, manager)
    moments = [moment for moment in stamps[: -len(_DATABASES)] if moment]
    if moments:
        found["lists_at"] = to_rfc3339(max(moments) // SECOND * SECOND)
    sources.kept(host)[_MEMO] = (stamps, found)
    return found


def _asked(host: Host, manager: _Asking) -> dict[str, Any]:
    ran: Ran = host.run(manager.argv, timeout_s=_TIMEOUT_S)
    if ran.code not in manager.codes:
        raise LookupError(f"{manager.argv[0]}: {ran.complaint}")
    updates = dict(manager.read(ran.text))
    known = packages.installed(host) if manager.name == "dnf" else {}
    found: dict[str, Any] = {
        "manager": manager.name,
        "count": len(updates),
        "updates": {
            name: _shown(each, each.installed or (known[name].version if name in known else ""))
            for name, each in updates.items()
        },
    }
    if manager.name == "apt":
        found["security"] = sum(each.security is True for each in updates.values())
    return found


def _shown(each: _Update, installed: str) -> dict[str, Any]:
    optional = {"installed": installed or None, "security": each.security}
    return {"available": each.available, **{key: value for key, value in optional.items() if value is not None}}


def _matching(host: Host, patterns: Iterable[str]) -> Iterable[str]:
    """The files of the first pattern that has any; a star stands in one component at most."""
    for pattern in patterns:
        found = list(_expanded(host, pattern))
        if found:
            return found
    return []


def _expanded(host: Host, pattern: str) -> Iterable[str]:
    before, star, _ = pattern.partition("*")
    if not star:
        return [pattern] if host.lstat(pattern) is not None else []
    directory = posixpath.dirname(before)
    component, _, rest = pattern[len(directory) + 1 :].partition("/")
    names = (name for name in sources.names(host, directory) if fnmatchcase(name, component))
    paths = (posixpath.join(directory, name, rest) if rest else f"{directory}/{name}" for name in names)
    return [path for path in paths if host.lstat(path) is not None]

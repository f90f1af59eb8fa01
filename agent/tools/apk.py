"""apk(8): packages of Alpine. What is installed stands in its database, what was asked for in its world.

A hold is a version in the world: `apk add NAME=VERSION` both installs and holds. See `packages.Backend`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from agent.hosts import Host, HostFault, Kind, Ran
from agent.tools import packages
from agent.tools.packages import UNKNOWN, Package

_OPTIONS: Final = ("--no-progress", f"--wait={packages.LOCK_WAIT_S}")
_DATABASES: Final = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")
_WORLD: Final = "/etc/apk/world"
_MEMO: Final = "apk"
_UPGRADES: Final = "apk upgrades"
_NOT_KNOWN: Final = b"no such package"
_MAX_DATABASE_BYTES: Final = 64 * 1024 * 1024
_NEWER: Final = re.compile(r"^(?P<name>\S+)-(?P<old>\d\S*-r\d+)\s+<\s+(?P<new>\S+)")


def lacking(host: Host) -> str | None:
    """See `packages.Backend`."""
    return None if host.which("apk") else "apk"


def load(host: Host, names: Iterable[str]) -> None:  # noqa: ARG001 - one file tells of all
    """See `packages.Backend`."""
    _installed(host)


def package(host: Host, name: str) -> Package:
    """See `packages.Backend`."""
    version = _installed(host).get(name)
    return UNKNOWN if version is None else Package("installed", version, name in _pinned(host))


def upgrades(host: Host, names: Sequence[str]) -> Mapping[str, str]:
    """See `packages.Backend`."""
    known: dict[str, str] | None = host.memo.get(_UPGRADES)
    if known is None:
        ran = host.run(["apk", *_OPTIONS, "version", "--limit=<"], timeout_s=packages.UPDATE_TIMEOUT_S)
        _succeeded("version", ran)
        lines = map(_NEWER.match, ran.text.splitlines())
        known = host.memo[_UPGRADES] = {found["name"]: found["new"] for found in lines if found}
    return {name: known[name] for name in names if name in known}


def is_version(observed: str, desired: str) -> bool:
    """See `packages.Backend`: with its `-rN`, or without."""
    return desired in (observed, observed.rpartition("-r")[0])


def install(host: Host, wanted: Mapping[str, str | None]) -> None:
    """See `packages.Backend`. A version is written into the world, where it holds the package."""
    words = [f"{name}={version}" if version else name for name, version in wanted.items()]
    _add(host, ["add", "--", *words])


def install_file(host: Host, path: str) -> None:
    """See `packages.Backend`: its digest stands for a signature."""
    _add(host, ["add", "--allow-untrusted", "--", path])


def upgrade(host: Host, names: Sequence[str]) -> None:
    """See `packages.Backend`."""
    _add(host, ["add", "--upgrade", "--", *names])


def remove(host: Host, names: Sequence[str], *, purge: bool) -> None:
    """See `packages.Backend`. What another package needs stays."""
    _succeeded("del", _run(host, ["del", *(["--purge"] if purge else []), "--", *names]))


def hold(host: Host, names: Sequence[str], *, held: bool) -> None:
    """See `packages.Backend`: what is no longer held comes at the version that the lists have."""
    words = [f"{name}={package(host, name).version}" if held else name for name in names]
    _add(host, ["add", "--", *words])


def dependents(_host: Host, _name: str) -> Sequence[str]:
    """See `packages.Backend`: what others need stays, whether or not it is wanted."""
    return ()


def shown_in() -> Sequence[str]:
    """See `packages.Backend`."""
    return ("/lib/apk/db/installed", "/usr/lib/apk/db/installed", "/etc/apk/world")


def _add(host: Host, argv: list[str]) -> None:
    ran = _run(host, argv)
    if ran.code != 0 and _NOT_KNOWN in ran.stderr + ran.stdout and packages.once(host):
        _run(host, ["update"])
        ran = _run(host, argv)
    _succeeded(argv[0], ran)


def _run(host: Host, argv: Sequence[str]) -> Ran:
    return host.run(["apk", *_OPTIONS, *argv], timeout_s=packages.TIMEOUT_S)


def _succeeded(verb: str, ran: Ran) -> None:
    if ran.code != 0:
        raise HostFault(f"apk {verb}: {ran.complaint}")


def _installed(host: Host) -> Mapping[str, str]:
    """Name → version; the database has a stanza of `K:value` lines for each package."""
    known: dict[str, str] | None = host.memo.get(_MEMO)
    if known is None:
        known = host.memo[_MEMO] = {}
        for stanza in _text(host, *_DATABASES).split("\n\n"):
            fields = {line[:2]: line[2:] for line in stanza.split("\n") if line[1:2] == ":"}
            if "P:" in fields:
                known[fields["P:"]] = fields.get("V:", "")
    return known


def _pinned(host: Host) -> frozenset[str]:
    known: frozenset[str] | None = host.memo.get(_WORLD)
    if known is None:
        words = _text(host, _WORLD).split()
        known = host.memo[_WORLD] = frozenset(word.partition("=")[0] for word in words if re.search(r"[^<>]=", word))
    return known


def _text(host: Host, *paths: str) -> str:
    for path in paths:
        stat = host.lstat(path)
        if stat is not None and stat.kind is Kind.FILE:
            return host.read(path, limit=_MAX_DATABASE_BYTES).decode("utf-8", "replace")
    return ""

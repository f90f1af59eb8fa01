"""pacman(8): packages of Arch. It has one version of each, that of its repositories, and no hold.

See `packages.Backend`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from agent.hosts import Host, HostFault, Ran
from agent.tools import packages
from agent.tools.packages import UNKNOWN, Package

_MEMO: Final = "pacman"
_UPGRADES: Final = "pacman upgrades"
_NOT_KNOWN: Final = (b"target not found", b"failed retrieving file")
_LOCKED: Final = b"unable to lock database"


def lacking(host: Host) -> str | None:
    """See `packages.Backend`."""
    return None if host.which("pacman") else "pacman"


def load(host: Host, names: Iterable[str]) -> None:  # noqa: ARG001 - it tells of all as quickly as of one
    """See `packages.Backend`."""
    _installed(host)


def package(host: Host, name: str) -> Package:
    """See `packages.Backend`."""
    version = _installed(host).get(name)
    return UNKNOWN if version is None else Package("installed", version)


def upgrades(host: Host, names: Sequence[str]) -> Mapping[str, str]:
    """See `packages.Backend`."""
    known: dict[str, str] | None = host.memo.get(_UPGRADES)
    if known is None:
        ran = host.run(["pacman", "--query", "--upgrades"], timeout_s=packages.UPDATE_TIMEOUT_S)
        if ran.code not in (0, 1) or (ran.code == 1 and b"error:" in ran.stderr):  # 1: nothing is to be upgraded
            raise HostFault(f"pacman --query --upgrades: {ran.complaint}")
        words = (line.split() for line in ran.text.splitlines())
        known = host.memo[_UPGRADES] = {line[0]: line[3] for line in words if len(line) == 4 and line[2] == "->"}
    return {name: known[name] for name in names if name in known}


def is_version(observed: str, desired: str) -> bool:
    """See `packages.Backend`: with the release, or without."""
    return desired in (observed, observed.rpartition("-")[0])


def install(host: Host, wanted: Mapping[str, str | None]) -> None:
    """See `packages.Backend`."""
    _sync(host, [f"{name}={version}" if version else name for name, version in wanted.items()])


def install_file(host: Host, path: str) -> None:
    """See `packages.Backend`."""
    _succeeded("--upgrade", _run(host, ["--upgrade", "--noconfirm", "--", path]))


def upgrade(host: Host, names: Sequence[str]) -> None:
    """See `packages.Backend`."""
    _sync(host, names)


def remove(host: Host, names: Sequence[str], *, purge: bool) -> None:
    """See `packages.Backend`. It refuses to remove what another package needs."""
    _succeeded("--remove", _run(host, ["--remove", "--noconfirm", *(["--nosave"] if purge else []), "--", *names]))


def hold(host: Host, names: Sequence[str], *, held: bool) -> None:  # noqa: ARG001
    """See `packages.Backend`: it cannot."""
    raise HostFault("pacman has no hold; IgnorePkg in /etc/pacman.conf passes a package by")


def dependents(_host: Host, _name: str) -> Sequence[str]:
    """See `packages.Backend`: it removes nothing that others need."""
    return ()


def shown_in() -> Sequence[str]:
    """See `packages.Backend`."""
    return ("/var/lib/pacman/local/",)


def _sync(host: Host, words: Sequence[str]) -> None:
    argv = ["--sync", "--noconfirm", "--", *words]
    ran = _run(host, argv)
    if ran.code != 0 and any(text in ran.stderr for text in _NOT_KNOWN) and packages.once(host):
        _run(host, ["--sync", "--refresh", "--noconfirm"])
        ran = _run(host, argv)
    _succeeded("--sync", ran)


def _run(host: Host, argv: Sequence[str]) -> Ran:
    return packages.patiently(
        lambda: host.run(["pacman", *argv], timeout_s=packages.TIMEOUT_S), lambda ran: _LOCKED in ran.stderr
    )


def _succeeded(verb: str, ran: Ran) -> None:
    if ran.code != 0:
        raise HostFault(f"pacman {verb}: {ran.complaint}")


def _installed(host: Host) -> Mapping[str, str]:
    known: dict[str, str] | None = host.memo.get(_MEMO)
    if known is None:
        ran = host.run(["pacman", "--query"])
        if ran.code != 0 and b"error:" in ran.stderr:  # 1: nothing is installed
            raise HostFault(f"pacman --query: {ran.complaint}")
        pairs = (line.split(" ") for line in ran.text.splitlines())
        known = host.memo[_MEMO] = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
    return known

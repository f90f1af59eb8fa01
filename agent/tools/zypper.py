"""zypper(8): packages of SUSE and openSUSE; what is installed, rpm says. See `packages.Backend`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import unescape
from typing import Final

from agent.hosts import Host, HostFault, Kind, Ran
from agent.tools import packages, rpm
from agent.tools.packages import Package

_OPTIONS: Final = ("--non-interactive", "--quiet")
_ENV: Final = {"ZYPP_LOCK_TIMEOUT": str(packages.LOCK_WAIT_S)}
_SUCCESS: Final = frozenset({0, 100, 101, 102, 103})
"""Above 99 it tells of updates that there are, and of what should be restarted."""
_NOT_KNOWN: Final = 104
_LOCKS: Final = "/etc/zypp/locks"
_UPGRADES: Final = "zypper upgrades"
_UPDATE: Final = re.compile(r'<update kind="package" name="(?P<name>[^"]*)" edition="(?P<edition>[^"]*)"')


def lacking(host: Host) -> str | None:
    """See `packages.Backend`."""
    return next((program for program in ("zypper", "rpm") if host.which(program) is None), None)


def load(host: Host, names: Iterable[str]) -> None:
    """See `packages.Backend`."""
    rpm.load(host, names)


def package(host: Host, name: str) -> Package:
    """See `packages.Backend`: by `name` or `name.architecture`."""
    return rpm.package(host, name)._replace(held=name in _locked(host))


def upgrades(host: Host, names: Sequence[str]) -> Mapping[str, str]:
    """See `packages.Backend`: of the lists that are there, for nothing is fetched to look."""
    known: dict[str, str] | None = host.memo.get(_UPGRADES)
    if known is None:
        ran = _run(host, ["--no-refresh", "--xmlout", "list-updates"])
        _succeeded("list-updates", ran)
        known = host.memo[_UPGRADES] = {
            unescape(found["name"]): unescape(found["edition"]) for found in _UPDATE.finditer(ran.text)
        }
    return {name: known[name] for name in names if name in known}


def is_version(observed: str, desired: str) -> bool:
    """See `packages.Backend`."""
    return rpm.is_version(observed, desired)


def install(host: Host, wanted: Mapping[str, str | None]) -> None:
    """See `packages.Backend`."""
    words = [f"{name}={version}" if version else name for name, version in wanted.items()]
    _install(host, ["install", "--auto-agree-with-licenses", "--oldpackage", "--", *words])


def install_file(host: Host, path: str) -> None:
    """See `packages.Backend`: its digest stands for a signature."""
    _install(host, ["install", "--auto-agree-with-licenses", "--oldpackage", "--allow-unsigned-rpm", "--", path])


def upgrade(host: Host, names: Sequence[str]) -> None:
    """See `packages.Backend`."""
    _install(host, ["update", "--auto-agree-with-licenses", "--", *names])


def remove(host: Host, names: Sequence[str], *, purge: bool) -> None:  # noqa: ARG001 - rpm keeps what was changed
    """See `packages.Backend`. What depends on a package goes with it."""
    _succeeded("remove", _run(host, ["remove", "--", *names]))


def hold(host: Host, names: Sequence[str], *, held: bool) -> None:
    """See `packages.Backend`."""
    verb = "addlock" if held else "removelock"
    _succeeded(verb, _run(host, [verb, "--", *names]))


def dependents(host: Host, name: str) -> Sequence[str]:
    """See `packages.Backend`."""
    return rpm.dependents(host, name)


def shown_in() -> Sequence[str]:
    """See `packages.Backend`."""
    return (*rpm.DATABASES, _LOCKS)


def refresh_repository(host: Host, name: str) -> None:
    """Fetch the lists of one repository.

    Raises:
        HostFault: they are not to be had.
    """
    _succeeded("refresh", _run(host, ["refresh", "--", name]))


def _install(host: Host, argv: list[str]) -> None:
    ran = _run(host, argv)
    if ran.code == _NOT_KNOWN and packages.once(host):
        _run(host, ["refresh"])
        ran = _run(host, argv)
    _succeeded(argv[0], ran)


def _run(host: Host, argv: Sequence[str]) -> Ran:
    return host.run(["zypper", *_OPTIONS, *argv], timeout_s=packages.TIMEOUT_S, env=_ENV)


def _succeeded(verb: str, ran: Ran) -> None:
    if ran.code not in _SUCCESS:
        raise HostFault(f"zypper {verb}: {ran.complaint}")


def _locked(host: Host) -> frozenset[str]:
    """Names of locked packages: stanzas of `KEY: VALUE` lines in /etc/zypp/locks."""
    known: frozenset[str] | None = host.memo.get(_LOCKS)
    if known is None:
        stat = host.lstat(_LOCKS)
        regular = stat is not None and stat.kind is Kind.FILE
        lines = host.read(_LOCKS).decode("utf-8", "replace").splitlines() if regular else []
        names = (line.partition(":")[2].strip() for line in lines if line.startswith("solvable_name:"))
        known = host.memo[_LOCKS] = frozenset(names)
    return known

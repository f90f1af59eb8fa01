"""dnf(8), or yum(8) where that is its name: packages of Fedora, RHEL and their kin. See `packages.Backend`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from agent.hosts import Host, HostFault, Kind, Ran
from agent.tools import packages, rpm
from agent.tools.packages import Package

_OPTIONS: Final = ("--assumeyes", "--quiet", "--setopt=exit_on_lock=True")
_LOCKED: Final = 200
"""What it ends with when another process has the lock."""
_NOT_KNOWN: Final = (b"Unable to find a match", b"No match for argument", b"No package ")
_NO_CACHE: Final = b"no cache for"
_UPGRADES: Final = "dnf upgrades"
_LOCKS: Final = "/etc/dnf/plugins/versionlock.list"
_LOCK: Final = re.compile(r"^(?P<name>[^!#\s].*)-(\d+:)?[^-]+-[^-]+$")
"""`name-[epoch:]version-release.*`, of dnf-plugin-versionlock(8); behind `!` stands what is excluded."""


def lacking(host: Host) -> str | None:
    """See `packages.Backend`."""
    if host.which("rpm") is None:
        return "rpm"
    return None if _program(host) else "dnf"


def load(host: Host, names: Iterable[str]) -> None:
    """See `packages.Backend`."""
    rpm.load(host, names)


def package(host: Host, name: str) -> Package:
    """See `packages.Backend`: by `name` or `name.architecture`."""
    return rpm.package(host, name)._replace(held=_plain(name) in _locked(host))


def upgrades(host: Host, names: Sequence[str]) -> Mapping[str, str]:
    """See `packages.Backend`: of the lists that are there, for nothing is fetched to look."""
    known: dict[str, str] = host.memo.setdefault(_UPGRADES, {})
    if unasked := [name for name in names if name not in known]:
        form = r"%{name}\t%{arch}\t%{evr}\n"
        asked = ["repoquery", "--upgrades", "--latest-limit=1", f"--queryformat={form}", "--", *unasked]
        ran = host.run([*_argv(host), "--cacheonly", *asked], timeout_s=packages.UPDATE_TIMEOUT_S)
        if ran.code != 0 and _NO_CACHE not in ran.stderr:
            raise HostFault(f"dnf repoquery: {ran.complaint}")
        known.update(dict.fromkeys(unasked, ""))
        for line in ran.text.splitlines():
            if line.count("\t") == 2:
                name, architecture, version = line.split("\t")
                known[name] = known[f"{name}.{architecture}"] = version.removeprefix("0:")
    return {name: known[name] for name in names if known[name]}


def is_version(observed: str, desired: str) -> bool:
    """See `packages.Backend`."""
    return rpm.is_version(observed, desired)


def install(host: Host, wanted: Mapping[str, str | None]) -> None:
    """See `packages.Backend`."""
    words = [f"{name}-{version}" if version else name for name, version in wanted.items()]
    try:
        _change(host, "install", words)
    except HostFault:
        # dnf5 does not go back to an older version by `install`.
        if len(words) > 1 or not any(wanted.values()) or not all(package(host, name).installed for name in wanted):
            raise
        _change(host, "downgrade", words)


def install_file(host: Host, path: str) -> None:
    """See `packages.Backend`."""
    _change(host, "install", [path])


def upgrade(host: Host, names: Sequence[str]) -> None:
    """See `packages.Backend`."""
    _change(host, "upgrade", names)


def remove(host: Host, names: Sequence[str], *, purge: bool) -> None:  # noqa: ARG001 - rpm keeps what was changed
    """See `packages.Backend`. What depends on a package goes with it."""
    _change(host, "remove", names)


def hold(host: Host, names: Sequence[str], *, held: bool) -> None:
    """See `packages.Backend`: by its versionlock plugin, which has to be installed."""
    _change(host, "versionlock", ["add" if held else "delete", *names], dashes=False)


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
    only = ["--disablerepo=*", f"--enablerepo={name}", "--setopt=*.skip_if_unavailable=False"]
    argv = [*_argv(host), "makecache", "--refresh", *only]
    ran = _patiently(lambda: host.run(argv, timeout_s=packages.UPDATE_TIMEOUT_S))
    if ran.code != 0:
        raise HostFault(f"dnf makecache: {ran.complaint}")


def _change(host: Host, verb: str, words: Sequence[str], *, dashes: bool = True) -> None:
    argv = [*_argv(host), verb, *(["--"] if dashes else []), *words]
    ran = _patiently(lambda: host.run(argv, timeout_s=packages.TIMEOUT_S))
    if ran.code != 0 and any(text in ran.stderr for text in _NOT_KNOWN) and packages.once(host):
        argv.insert(1, "--refresh")
        ran = _patiently(lambda: host.run(argv, timeout_s=packages.TIMEOUT_S))
    if ran.code != 0:
        raise HostFault(f"dnf {verb}: {ran.complaint}")


def _patiently(attempt: Callable[[], Ran]) -> Ran:
    return packages.patiently(attempt, lambda ran: ran.code == _LOCKED)


def _argv(host: Host) -> list[str]:
    return [_program(host) or "dnf", *_OPTIONS]


def _program(host: Host) -> str | None:
    return next((program for program in ("dnf", "yum") if host.which(program)), None)


def _plain(name: str) -> str:
    return re.sub(r"\.(noarch|x86_64|i686|aarch64|armv7hl|ppc64le|s390x|riscv64)$", "", name)


def _locked(host: Host) -> frozenset[str]:
    key = _LOCKS
    known: frozenset[str] | None = host.memo.get(key)
    if known is None:
        stat = host.lstat(_LOCKS)
        regular = stat is not None and stat.kind is Kind.FILE
        lines = host.read(_LOCKS).decode("utf-8", "replace").splitlines() if regular else []
        known = host.memo[key] = frozenset(found["name"] for line in lines if (found := _LOCK.match(line.strip())))
    return known

"""The host's package manager, whichever it is: what all of them can say and do, and which one a host has.

Each backend is a module of this folder that has the functions of `Backend`. It reads many packages in one call, and
changes many in one transaction. Nothing is guessed of a host that has the tools of several systems: os-release(5) says
which one it is, and only where that is unknown the first tool that is there is taken.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final, NamedTuple, Protocol, cast

from agent.hosts import Host, HostFault, Kind, Ran
from agent.hosts.host import ALONG, ONCE, forget

LOCK_WAIT_S: Final = 120
"""How long another process that works on packages is waited for."""
TIMEOUT_S: Final = 1800.0
UPDATE_TIMEOUT_S: Final = 300.0
_POLL_S: Final = 2.0
_INSTALLED: Final = frozenset({"installed", "triggers-awaited", "triggers-pending"})
_MEMO: Final = "package backend"
_OF_SYSTEM: Final = {
    "debian": "apt",
    "ubuntu": "apt",
    "fedora": "dnf",
    "rhel": "dnf",
    "centos": "dnf",
    "suse": "zypper",
    "opensuse": "zypper",
    "sles": "zypper",
    "alpine": "apk",
    "arch": "pacman",
}
_BACKENDS: Final = ("apt", "dnf", "zypper", "apk", "pacman")
_RELEASES: Final = ("/etc/os-release", "/usr/lib/os-release")
_REFRESHED: Final = "package lists"


class Package(NamedTuple):
    """What the host knows of one package. `status` is dpkg's word; the others have `installed` and `not-installed`."""

    status: str
    version: str = ""
    held: bool = False

    @property
    def installed(self) -> bool:
        """Whether it is installed and configured."""
        return self.status in _INSTALLED


UNKNOWN: Final = Package("not-installed")


class Backend(Protocol):
    """One package manager. All of it raises `HostFault`, with what the program said, when that did not succeed."""

    def lacking(self, host: Host) -> str | None:
        """The program that it needs and that the host does not have."""
        ...

    def load(self, host: Host, names: Iterable[str]) -> None:
        """Read these packages into the memo, in one call."""
        ...

    def package(self, host: Host, name: str) -> Package:
        """One package, from the memo if it is there."""
        ...

    def upgrades(self, host: Host, names: Sequence[str]) -> Mapping[str, str]:
        """Of these installed packages, those that the package lists have a newer version of → that version."""
        ...

    def is_version(self, observed: str, desired: str) -> bool:
        """Whether an installed version is the one that was asked for."""
        ...

    def install(self, host: Host, wanted: Mapping[str, str | None]) -> None:
        """Have packages installed in one transaction, each at exactly its version if one is given, older or newer."""
        ...

    def install_file(self, host: Host, path: str) -> None:
        """Have the package in a file installed, and what it depends on from the package lists."""
        ...

    def upgrade(self, host: Host, names: Sequence[str]) -> None:
        """Have installed packages at their newest versions, in one transaction."""
        ...

    def remove(self, host: Host, names: Sequence[str], *, purge: bool) -> None:
        """Have packages removed in one transaction, with `purge` their configuration too."""
        ...

    def hold(self, host: Host, names: Sequence[str], *, held: bool) -> None:
        """Have upgrades of the host pass packages by, or no longer."""
        ...

    def dependents(self, host: Host, name: str) -> Sequence[str]:
        """Other installed packages that would be removed with one, as far as the tool tells."""
        ...

    def shown_in(self) -> Sequence[str]:
        """Where it shows that other packages are installed or held: `agent.places`."""
        ...


def backend(host: Host) -> Backend | None:
    """The package manager of a host; None when it has none that we know."""
    if _MEMO not in host.memo:
        host.memo[_MEMO] = _find(host)
    return cast("Backend | None", host.memo[_MEMO])


def needed(host: Host) -> Backend:
    """The package manager of a host that has one, as `unsupported` has made sure."""
    found = backend(host)
    assert found is not None
    return found


def unsupported(host: Host) -> str | None:
    """Why packages cannot be managed on this host; None when they can."""
    name = named(host)
    if name is None:
        return "needs apt-get, dnf, zypper, apk or pacman, none of which this host has"
    found = cast("Backend", import_module(f"agent.tools.{name}")).lacking(host)
    return f"needs {found}, which this host does not have" if found else None


def named(host: Host) -> str | None:
    """The name of the host's package manager: `apt`, `dnf`, `zypper`, `apk` or `pacman`; None when it has none."""
    words = _release(host)
    if system := next((_OF_SYSTEM[word] for word in words if word in _OF_SYSTEM), None):
        return system
    programs = {"apt": ("apt-get",), "dnf": ("dnf", "yum")}
    return next((name for name in _BACKENDS if any(map(host.which, programs.get(name, (name,))))), None)


def shown_in(host: Host) -> Sequence[str]:
    """See `Backend`; nowhere on a host that has none."""
    found = backend(host)
    return () if found is None else found.shown_in()


def state(host: Host, name: str) -> Mapping[str, Any]:
    """A package as an undo knows it: `version` and `held`; empty where it is not installed."""
    along = host.memo.get(ALONG)
    needed(host).load(host, [name])
    # Installed along with another a moment ago: it is its turn that tells what it was before.
    package = along.done.get(name) if along is not None else None
    package = package or needed(host).package(host, name)
    return {"version": package.version, "held": package.held} if package.installed else {}


def put_back(host: Host, name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Make a package what it was. Returns what of it could not be; raises `HostFault`."""
    found = needed(host)
    if not before:
        if others := found.dependents(host, name):
            raise HostFault(f"it is needed by {', '.join(others)}, which would go with it")
        found.remove(host, [name], purge=False)
        return ""
    if now.get("version") != before["version"]:
        if now.get("held"):
            found.hold(host, [name], held=False)
        try:
            found.install(host, {name: before["version"]})
        except HostFault as error:
            raise HostFault(f"version {before['version']} is not to be had any more: {error}") from error
        forget(host)
    if found.package(host, name).held != before["held"]:
        found.hold(host, [name], held=before["held"])
    return ""


def once(host: Host) -> bool:
    """Whether the package lists were not yet fetched in this run; they are after this."""
    done: set[str] = host.memo.setdefault(ONCE, set())
    if _REFRESHED in done:
        return False
    done.add(_REFRESHED)
    return True


def patiently(attempt: Callable[[], Ran], locked: Callable[[Ran], bool]) -> Ran:
    """Run what fails at once while another process has the lock, until it succeeds or `LOCK_WAIT_S` are over."""
    ran = attempt()
    for _ in range(int(LOCK_WAIT_S / _POLL_S)):
        if ran.code == 0 or not locked(ran):
            break
        time.sleep(_POLL_S)
        ran = attempt()
    return ran


def _find(host: Host) -> Backend | None:
    name = named(host)
    if name is None:
        return None
    found = cast("Backend", import_module(f"agent.tools.{name}"))
    return None if found.lacking(host) else found


def _release(host: Host) -> list[str]:
    """The host's system and those it is like, as os-release(5) names them, the closest first."""
    for path in _RELEASES:
        stat = host.lstat(path)
        if stat is not None and stat.kind is Kind.SYMLINK:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), host.readlink(path)))
            stat = host.lstat(path)
        if stat is None or stat.kind is not Kind.FILE:
            continue
        text = host.read(path).decode("utf-8", "replace")
        fields = dict(line.partition("=")[::2] for line in text.splitlines())
        return [word for key in ("ID", "ID_LIKE") for word in fields.get(key, "").strip("\"'").lower().split()]
    return []

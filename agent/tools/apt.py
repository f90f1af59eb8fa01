"""apt-get(8): install and remove, with nobody there to ask, and with names that are names and never patterns."""

from __future__ import annotations

from typing import Final

from agent.hosts import Host, HostFault, Ran
from agent.hosts.host import ONCE
from agent.tools import dpkg

TIMEOUT_S: Final = 1800.0
UPDATE_TIMEOUT_S: Final = 300.0
_OPTIONS: Final = (
    "--yes",
    "--quiet",
    # Else a name with a dot that is no package's is read as an expression, and all that it finds is installed. Globs
    # and anchored expressions are read all the same: the schema lets none of their characters into a name.
    "--option=APT::Cmd::Pattern-Only=true",
    "--option=Dpkg::Options::=--force-confdef",
    "--option=Dpkg::Options::=--force-confold",
    "--option=DPkg::Lock::Timeout=120",
)
_LISTS_ARE_OLD: Final = (
    b"Unable to locate package",
    b"has no installation candidate",
    b"was not found",
    b"404  Not Found",
)
_INTERRUPTED: Final = b"dpkg was interrupted"
_UPDATED: Final = "apt-get update"


def install(host: Host, name: str, version: str | None) -> None:
    """Have a package installed, at exactly this version if one is given, older or newer.

    Package lists are fetched when they do not know it, once in a run.

    Raises:
        HostFault: it is not installed, with what apt-get said.
    """
    argv = ["install", "--allow-downgrades", "--", f"{name}={version}"] if version else ["install", "--", name]
    ran = _run(host, argv)
    if ran.code != 0 and any(text in ran.stderr for text in _LISTS_ARE_OLD) and _update(host):
        ran = _run(host, argv)
    _succeeded("install", ran)


def remove(host: Host, name: str, *, purge: bool) -> None:
    """Have a package removed, with `purge` its configuration too. What depends on it goes with it.

    Raises:
        HostFault: it is not removed, with what apt-get said.
    """
    verb = "purge" if purge else "remove"
    _succeeded(verb, _run(host, [verb, "--", name]))


def _run(host: Host, argv: list[str]) -> Ran:
    ran = host.run(["apt-get", *_OPTIONS, *argv], timeout_s=TIMEOUT_S, env=dpkg.QUIET)
    if ran.code != 0 and _INTERRUPTED in ran.stderr:
        dpkg.configure_pending(host)
        ran = host.run(["apt-get", *_OPTIONS, *argv], timeout_s=TIMEOUT_S, env=dpkg.QUIET)
    return ran


def _update(host: Host) -> bool:
    """Fetch the package lists, unless this run has done so. Returns whether it was tried now."""
    done: set[str] = host.memo.setdefault(ONCE, set())
    if _UPDATED in done:
        return False
    done.add(_UPDATED)
    host.run(["apt-get", *_OPTIONS, "update"], timeout_s=UPDATE_TIMEOUT_S, env=dpkg.QUIET)
    return True


def _succeeded(verb: str, ran: Ran) -> None:
    if ran.code != 0:
        raise HostFault(f"apt-get {verb}: {ran.complaint}")

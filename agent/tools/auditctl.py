"""auditctl(8) and augenrules(8): the rules that the kernel has, and how files of rules get there."""

from __future__ import annotations

import re
from typing import Final

from agent.hosts import Host, HostFault, Kind

MERGED: Final = "/etc/audit/audit.rules"
TIMEOUT_S: Final = 60.0
_LOADED: Final = "audit rules"
_LOCKED: Final = "audit locked"


def lacking(host: Host) -> str | None:
    """Why nothing can be loaded on this host; None when it can."""
    missing = [program for program in ("auditctl", "augenrules") if host.which(program) is None]
    return f"needs {missing[0]}, which this host does not have" if missing else None


def loaded(host: Host, key: str) -> int:
    """How many rules of a key the kernel has; one query for all resources.

    Raises:
        HostFault: the kernel does not answer.
    """
    known: str | None = host.memo.get(_LOADED)
    if known is None:
        known = host.memo[_LOADED] = _run(host, "auditctl", "-l")
    return sum(1 for line in known.splitlines() if _has(line, key))


def locked(host: Host) -> bool:
    """Whether no rule can be changed until the next boot (`-e 2`).

    Raises:
        HostFault: the kernel does not answer.
    """
    known: bool | None = host.memo.get(_LOCKED)
    if known is None:
        known = host.memo[_LOCKED] = "enabled 2" in _run(host, "auditctl", "-s").splitlines()
    return known


def merged(host: Host, key: str) -> list[str]:
    """The rules of a key in the file that is loaded at boot."""
    stat = host.lstat(MERGED)
    if stat is None or stat.kind is not Kind.FILE:
        return []
    lines = host.read(MERGED).decode("utf-8", "replace").splitlines()
    return [line for line in lines if _has(line, key)]


def merge(host: Host, *, load: bool) -> None:
    """Make one file of all, and load it.

    Raises:
        HostFault: the kernel refuses a rule.
    """
    _run(host, "augenrules", *(["--load"] if load else []))


def _has(line: str, key: str) -> bool:
    """As files write it, and as the kernel's are shown."""
    return re.search(rf"(-k |-F key=){re.escape(key)}\s*$", line) is not None


def _run(host: Host, *argv: str) -> str:
    ran = host.run(argv, timeout_s=TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"{argv[0]}: {ran.complaint}")
    return ran.text

"""SELinux: what the kernel says below /sys/fs/selinux, what the policy's store says, and what changes it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from agent.hosts import Host, HostFault, Kind
from schema.resources.base import PartSpec

CONFIG: Final = PartSpec(path="/etc/selinux/config")
KERNEL: Final = "/sys/fs/selinux"
TIMEOUT_S: Final = 600.0
_SPECIAL: Final = re.compile(r"[.^$?*+|\[({\\]")


def lacking(host: Host) -> str | None:
    """Why nothing can be told to SELinux on this host; None when it can."""
    return None if host.lstat(CONFIG.path) is not None else "needs SELinux, which this host does not have"


def setting(host: Host, name: str) -> str | None:
    """A setting of the configuration: `SELINUX`, `SELINUXTYPE`."""
    found = [line.partition("=")[2].strip() for line in _lines(host, CONFIG.path) if line.startswith(f"{name}=")]
    return found[-1] if found else None


def mode(host: Host) -> str:
    """What the kernel does now: `enforcing`, `permissive` or `disabled`."""
    lines = _lines(host, f"{KERNEL}/enforce")
    return "disabled" if not lines else "enforcing" if lines[0].strip() == "1" else "permissive"


def boolean(host: Host, name: str) -> tuple[str | None, str | None]:
    """What a boolean is now, and what it was told to be for good: `on`, `off`; None where that is not known."""
    words = {"1": "on", "0": "off"}
    now = _lines(host, f"{KERNEL}/booleans/{name}")
    store = f"/var/lib/selinux/{setting(host, 'SELINUXTYPE') or 'targeted'}/active/booleans.local"
    kept = [line.partition("=")[2].strip() for line in _lines(host, store) if line.partition("=")[0].strip() == name]
    return words.get(now[0].split()[0]) if now and now[0].split() else None, words.get(kept[-1]) if kept else None


def context(host: Host, expression: str) -> str | None:
    """The type that was told for paths; None when there is none."""
    place = f"/etc/selinux/{setting(host, 'SELINUXTYPE') or 'targeted'}/contexts/files/file_contexts.local"
    for line in _lines(host, place):
        words = line.split()
        if len(words) == 2 and words[0] == expression:
            return words[1].split(":")[2] if words[1].count(":") >= 2 else None
    return None


def shown_in(host: Host, kind: str, name: str) -> Sequence[str]:
    """Where it shows that the mode, a boolean, or what was told for paths is otherwise: `agent.places`."""
    policy = setting(host, "SELINUXTYPE") or "targeted"
    return {
        "mode": [f"{KERNEL}/enforce"],
        "boolean": [f"{KERNEL}/booleans/{name}", f"/var/lib/selinux/{policy}/active/booleans.local"],
        "context": [f"/etc/selinux/{policy}/contexts/files/file_contexts.local"],
    }[kind]


def beginning(expression: str) -> str:
    """The path that all paths of an expression lie at or below."""
    match = _SPECIAL.search(expression)
    if match is None:
        return expression
    plain = expression[: match.start()]
    # Of `/srv/www.*` nothing is known but `/srv`; of `/srv/www(/.*)?` the directory itself is one of them.
    return plain if expression[match.start() :].startswith("(/") else plain.rpartition("/")[0] or "/"


def mislabelled(host: Host, path: str) -> bool:
    """Whether a path has another label than the policy says; what is not there has none.

    Raises:
        HostFault: restorecon fails.
    """
    if host.lstat(path) is None:
        return False
    return bool(_run(host, "restorecon", "-n", "-v", "--", path).strip())


def relabel(host: Host, path: str) -> None:
    """Give a path and all below it the labels of the policy.

    Raises:
        HostFault: restorecon fails.
    """
    if host.lstat(path) is not None:
        _run(host, "restorecon", "-R", "--", path)


def set_boolean(host: Host, name: str, value: str) -> None:
    """Now and for good. Raises `HostFault`."""
    _run(host, "setsebool", "-P", name, value)


def set_context(host: Host, expression: str, kind: str, *, known: bool) -> None:
    """Tell a type for paths. Raises `HostFault`."""
    _run(host, "semanage", "fcontext", "--modify" if known else "--add", f"--type={kind}", expression)


def remove_context(host: Host, expression: str) -> None:
    """Tell none any more. Raises `HostFault`."""
    _run(host, "semanage", "fcontext", "--delete", expression)


def _run(host: Host, *argv: str) -> str:
    ran = host.run(argv, timeout_s=TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"{argv[0]}: {ran.complaint}")
    return ran.text


def _lines(host: Host, path: str) -> list[str]:
    stat = host.lstat(path)
    if stat is None or stat.kind is not Kind.FILE:
        return []
    return host.read(path).decode("utf-8", "replace").splitlines()

"""The shadow suite: useradd(8), usermod(8), userdel(8), groupadd(8), groupmod(8), groupdel(8), gpasswd(1),
chpasswd(8).

A password's hash goes through standard input: arguments can be read by every user of the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.hosts import Host, HostFault

TIMEOUT_S: Final = 120.0


def lacking(host: Host) -> str | None:
    """Why accounts cannot be changed on this host; None when they can."""
    return None if host.which("useradd") else "needs useradd, which this host does not have"


def add_user(host: Host, name: str, options: Sequence[str]) -> None:
    """Make an account; `options` are those of useradd. Raises `HostFault`, as do all here."""
    _run(host, ["useradd", *options, "--", name])


def change_user(host: Host, name: str, options: Sequence[str]) -> None:
    """Change an account; `options` are those of usermod."""
    _run(host, ["usermod", *options, "--", name])


def remove_user(host: Host, name: str, *, home: bool) -> None:
    """Remove an account, with `home` its home directory too."""
    _run(host, ["userdel", *(["--remove"] if home else []), "--", name])


def set_password_hash(host: Host, name: str, value: str) -> None:
    """Set what /etc/shadow holds for a user."""
    _run(host, ["chpasswd", "--encrypted"], f"{name}:{value}\n".encode("utf-8", "surrogateescape"))


def add_group(host: Host, name: str, options: Sequence[str]) -> None:
    """Make a group; `options` are those of groupadd."""
    _run(host, ["groupadd", *options, "--", name])


def change_group(host: Host, name: str, options: Sequence[str]) -> None:
    """Change a group; `options` are those of groupmod."""
    _run(host, ["groupmod", *options, "--", name])


def remove_group(host: Host, name: str) -> None:
    """Remove a group."""
    _run(host, ["groupdel", "--", name])


def set_members(host: Host, name: str, members: Sequence[str]) -> None:
    """Make these, and no others, the members of a group."""
    _run(host, ["gpasswd", f"--members={','.join(members)}", "--", name])


def _run(host: Host, argv: list[str], stdin: bytes = b"") -> None:
    ran = host.run(argv, input=stdin, timeout_s=TIMEOUT_S)
    if ran.code != 0:
        raise HostFault(f"{argv[0]}: {ran.complaint}")

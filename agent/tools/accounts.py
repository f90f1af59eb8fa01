"""The host's own account files: passwd(5), group(5), shadow(5). Read here; `agent.tools.shadow` changes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from agent.hosts import Host

FILES: Final = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow")
_MEMO: Final = "account files"
_SHADOWS: Final = "account shadows"


class User(NamedTuple):
    """One line of /etc/passwd."""

    name: str
    uid: int
    gid: int
    comment: str
    home: str
    shell: str


class Group(NamedTuple):
    """One line of /etc/group."""

    name: str
    gid: int
    members: frozenset[str]


class Accounts(NamedTuple):
    """All local accounts."""

    users: Mapping[str, User]
    groups: Mapping[str, Group]

    def group_of(self, user: User) -> str:
        """The name of a user's primary group, or its number as text."""
        return next((group.name for group in self.groups.values() if group.gid == user.gid), str(user.gid))

    def groups_of(self, name: str) -> frozenset[str]:
        """The supplementary groups of a user."""
        return frozenset(group.name for group in self.groups.values() if name in group.members)


class Shadow(NamedTuple):
    """What /etc/shadow holds for a user, of what is managed; all empty where it holds nothing."""

    password_hash: str
    expires: str
    """Days since 1970 as digits; empty for never."""


NO_SHADOW: Final = Shadow("", "")


def read(host: Host) -> Accounts:
    """The accounts of the host, from the memo if they are there. Lines that are damaged are left out."""
    known: Accounts | None = host.memo.get(_MEMO)
    if known is None:
        users = [line for line in _lines(host, "/etc/passwd", 7) if line[2].isdigit() and line[3].isdigit()]
        groups = [line for line in _lines(host, "/etc/group", 4) if line[2].isdigit()]
        known = host.memo[_MEMO] = Accounts(
            {line[0]: User(line[0], int(line[2]), int(line[3]), *line[4:]) for line in reversed(users)},
            {
                line[0]: Group(line[0], int(line[2]), frozenset(filter(None, line[3].split(","))))
                for line in reversed(groups)
            },
        )
    return known


def reread(host: Host) -> Accounts:
    """The accounts of the host, after a program has changed them."""
    host.memo.pop(_MEMO, None)
    return read(host)


def shadow(host: Host, name: str, *, fresh: bool = False) -> Shadow:
    """A user's line of /etc/shadow, from the memo if it is there; `fresh`: a program may have changed it."""
    known: Mapping[str, Shadow] | None = None if fresh else host.memo.get(_SHADOWS)
    if known is None:
        lines = _lines(host, "/etc/shadow", 9)
        known = host.memo[_SHADOWS] = {line[0]: Shadow(line[1], line[7]) for line in reversed(lines)}
    return known.get(name, NO_SHADOW)


def _lines(host: Host, path: str, fields: int) -> list[list[str]]:
    if host.lstat(path) is None:
        return []
    text = host.read(path).decode("utf-8", "surrogateescape")
    return [line.split(":") for line in text.split("\n") if line.count(":") == fields - 1]

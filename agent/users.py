"""Users: for whom of a host's local users usercrates are applied.

They are those of the host's own /etc/passwd whose uid is in the range of login.defs(5) for people, whose shell lets
them log in, and whose home is theirs to have; never those of a name service, which cannot be counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from agent.hosts import Account, Host, HostFault
from schema.resources import ResourceSpec

ACCOUNTS: Final = "/etc/passwd"
UID_MIN: Final = 1_000
UID_MAX: Final = 60_000
"""Where login.defs says nothing else."""
MAX_USERS: Final = 2_000
"""More who may log in to one host are a mistake, or not local."""
_NO_LOGIN: Final = frozenset({"nologin", "false"})
_THEIRS: Final = frozenset({"host", "job", "key"})
"""What the types are about that are somebody's: a cron job, a key that opens an account, a host that they know."""
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")


class User(NamedTuple):
    """One user who may log in."""

    account: Account
    shell: str
    group: str
    """Name of the primary group; its number where it has none."""

    @property
    def scope(self) -> dict[str, Any]:
        """`user` in expressions."""
        name, uid, gid, home = self.account
        return {"name": name, "uid": uid, "gid": gid, "home": home, "shell": self.shell, "group": self.group}

    def defaults(self, kind: type[ResourceSpec], host: Host, attributes: dict[str, Any]) -> dict[str, Any]:
        """The attributes of a resource of a usercrate, with what this user is the default for.

        Owner and group only beneath the home: elsewhere, as in /etc/sudoers.d, it would be a gift.
        """
        fields, path = kind.model_fields, attributes.get("path")
        mine: dict[str, Any] = {}
        if isinstance(path, str) and path.startswith("/") and "owner" in fields and host.guards(path):
            mine = {"owner": self.account.name, "group": self.group}
        elif kind.IDENTITY in _THEIRS and "user" in fields:
            mine = {"user": self.account.name}
        return {**mine, **attributes} if mine else attributes


def read(host: Host) -> list[User]:
    """All who may log in, and root, in the order of their names.

    Raises:
        HostFault, OSError: /etc/passwd cannot be read, or holds too many.
    """
    from agent.traits import sources  # and all that traits are read with: few hosts have usercrates

    text = sources.text(host, ACCOUNTS)
    if text is None:
        raise HostFault(f"{ACCOUNTS} is not there")
    low, high = _range(sources.text(host, "/etc/login.defs") or "")
    groups = _groups(sources.records(sources.text(host, "/etc/group") or "", 3))
    found: dict[str, User] = {}
    seen: set[str] = set()
    for name, _, uid, gid, _, home, shell, *_ in sources.records(text, 7):
        if name in seen or not _number(uid) or not _number(gid) or not _NAME.match(name):
            continue
        seen.add(name)
        people = low <= int(uid) <= high and shell.rpartition("/")[2] not in _NO_LOGIN and not name.isdigit()
        if (people or (name == "root" and int(uid) == 0)) and _is_home(home):
            account = Account(name, int(uid), int(gid), home.rstrip("/"))
            found[name] = User(account, shell or "/bin/sh", groups.get(int(gid), gid))
            if len(found) > MAX_USERS:
                raise HostFault(f"more than {MAX_USERS} users may log in to this host")
    return [found[name] for name in sorted(found)]


def chosen(users: Sequence[User], patterns: Sequence[str], *, include_root: bool) -> list[User]:
    """Those whom a usercrate is for."""
    return [
        user
        for user in users
        if (user.account.uid != 0 or include_root)
        and (not patterns or any(fnmatchcase(user.account.name, pattern) for pattern in patterns))
    ]


def _range(text: str) -> tuple[int, int]:
    found: dict[str, int] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] in ("UID_MIN", "UID_MAX") and _number(words[1]):
            found[words[0]] = int(words[1])
    return found.get("UID_MIN", UID_MIN) or 1, found.get("UID_MAX", UID_MAX)


def _groups(records: Iterable[Sequence[str]]) -> Mapping[int, str]:
    found: dict[int, str] = {}
    for name, _, gid, *_ in records:
        if _number(gid):
            found.setdefault(int(gid), name)
    return found


def _is_home(home: str) -> bool:
    parts = home.split("/")
    return home.startswith("/") and home.strip("/") != "" and ".." not in parts and "\0" not in home


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < 2**32 - 1

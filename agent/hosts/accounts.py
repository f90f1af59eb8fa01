"""Names and ids of users and groups: from the machine's own databases, or from the files of a confined root."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from agent.hosts.host import HostFault

if TYPE_CHECKING:
    from agent.hosts.host import Host
    from agent.hosts.process import Identity


class Accounts(Protocol):
    """Lookups; a name of digits alone that no account has is the id itself."""

    def uid(self, name: str) -> int | None: ...
    def gid(self, name: str) -> int | None: ...
    def user_name(self, uid: int) -> str: ...
    def group_name(self, gid: int) -> str: ...
    def identity(self, name: str) -> Identity:
        """All that is needed to run a program as this user."""
        ...


class _Names(NamedTuple):
    ids: dict[str, int | None]
    names: dict[int, str]


class SystemAccounts:
    """The machine's name service (files, LDAP ...), remembered in the host's memo.

    A lookup costs 10 to 20 µs, and each of a thousand files needs up to four: so it is worth remembering.
    """

    def __init__(self, memo: MutableMapping[object, Any]) -> None:
        self._memo: Final = memo

    def uid(self, name: str) -> int | None:
        """See `Accounts`."""
        ids = self._known("users").ids
        if name not in ids:
            import pwd

            try:
                ids[name] = pwd.getpwnam(name).pw_uid
            except KeyError:
                ids[name] = number(name)
        return ids[name]

    def gid(self, name: str) -> int | None:
        """See `Accounts`."""
        ids = self._known("groups").ids
        if name not in ids:
            import grp

            try:
                ids[name] = grp.getgrnam(name).gr_gid
            except KeyError:
                ids[name] = number(name)
        return ids[name]

    def user_name(self, uid: int) -> str:
        """See `Accounts`."""
        names = self._known("users").names
        if uid not in names:
            import pwd

            try:
                names[uid] = pwd.getpwuid(uid).pw_name
            except KeyError:
                names[uid] = str(uid)
        return names[uid]

    def group_name(self, gid: int) -> str:
        """See `Accounts`."""
        names = self._known("groups").names
        if gid not in names:
            import grp

            try:
                names[gid] = grp.getgrgid(gid).gr_name
            except KeyError:
                names[gid] = str(gid)
        return names[gid]

    def identity(self, name: str) -> Identity:
        """See `Accounts`.

        Raises:
            HostFault: no such user, or one that we may not become.
        """
        import pwd

        from agent.hosts.process import Identity

        try:
            entry = pwd.getpwnam(name)
        except KeyError as error:
            raise HostFault(f"there is no user {name} on this host") from error
        if os.geteuid() == entry.pw_uid != 0:
            return Identity(None, None, None, name, entry.pw_dir)
        if os.geteuid() != 0:
            raise HostFault(f"only root may run a program as {name}")
        return Identity(entry.pw_uid, entry.pw_gid, os.getgrouplist(name, entry.pw_gid), name, entry.pw_dir)

    def _known(self, what: str) -> _Names:
        known = self._memo.get(what)
        if not isinstance(known, _Names):
            known = self._memo[what] = _Names({}, {})
        return known


class FileAccounts:
    """/etc/passwd and /etc/group of a host, read through it. `root` is 0 even where they are missing."""

    def __init__(self, host: Host) -> None:
        self._host: Final = host

    def uid(self, name: str) -> int | None:
        """See `Accounts`."""
        return self._ids("/etc/passwd", name)

    def gid(self, name: str) -> int | None:
        """See `Accounts`."""
        return self._ids("/etc/group", name)

    def user_name(self, uid: int) -> str:
        """See `Accounts`."""
        return self._read("/etc/passwd").names.get(uid, str(uid))

    def group_name(self, gid: int) -> str:
        """See `Accounts`."""
        return self._read("/etc/group").names.get(gid, str(gid))

    def identity(self, name: str) -> Identity:
        """See `Accounts`. A confined host runs no program."""
        raise HostFault(f"no program is run as {name} on a confined host")

    def _ids(self, path: str, name: str) -> int | None:
        known = self._read(path).ids.get(name)
        if known is not None:
            return known
        return 0 if name == "root" else number(name)

    def _read(self, path: str) -> _Names:
        """Parsed once; again when the engine or a write of ours has cleared the memo."""
        key = f"accounts:{path}"
        kept = self._host.memo.get(key)
        if isinstance(kept, _Names):
            return kept
        names = _Names({}, {})
        try:
            text = self._host.read(path).decode("utf-8", "replace")
        except (OSError, HostFault):
            text = ""
        for line in text.splitlines():
            fields = line.split(":")
            if len(fields) > 2 and fields[2].isdigit():
                names.ids.setdefault(fields[0], int(fields[2]))
                names.names.setdefault(int(fields[2]), fields[0])
        self._host.memo[key] = names
        return names


def number(name: str) -> int | None:
    """The id that digits alone spell; None for a name or beyond what an id can be."""
    return int(name) if name.isascii() and name.isdigit() and len(name) <= 10 and int(name) < 2**32 - 1 else None

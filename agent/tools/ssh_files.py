"""Files of SSH's keys, one key a line: a user's own, in a home that may be a trap, or one of all users.

What lies in a home is touched on behalf of its user: through no link, nothing of another's. `.ssh` is made with mode
0700 and a new file with 0600; where others could write, for which sshd(8) reads neither, that is taken from them.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Account, Host, HostFault, Kind, Stat
from agent.tools import accounts
from agent.tools.difference import Change

PRIVATE_MODE: Final = 0o600
SHARED_MODE: Final = 0o644
_DIRECTORY_MODE: Final = 0o700
_OTHERS_WRITE: Final = 0o022


class KeyFile(NamedTuple):
    """The file as it was found; without `stat` there is none."""

    path: str
    stat: Stat | None = None
    lines: tuple[str, ...] = ()
    account: Account | None = None
    """Whose home it is in."""
    directory: Stat | None = None
    """`.ssh` of that home."""
    missing: str = ""
    """What keeps it from being written: there is no such user."""
    note: str = ""


def read(host: Host, *, user: str | None, path: str) -> KeyFile:
    """A file by its name in a user's `.ssh`, or by its path when there is no user.

    Raises:
        HostFault: it is no regular file, or the way to it is not the user's.
    """
    if user is None:
        return _found(host, KeyFile(path))
    known = accounts.read(host).users.get(user)
    if known is None:
        return KeyFile(path, missing=f"there is no user {user} on this host")
    home = known.home.rstrip("/")
    if not home.startswith("/"):
        return KeyFile(path, missing=f"user {user} has no home")
    account = Account(known.name, known.uid, known.gid, home)
    mine = host.as_user(account)
    if mine.lstat(home) is None:
        return KeyFile(path, missing=f"{home}, the home of {user}, is not there")
    directory = mine.lstat(f"{home}/.ssh")
    return _found(mine, KeyFile(f"{home}/.ssh/{path}", account=account, directory=directory))


def shown_in(host: Host, user: str, name: str) -> Sequence[str]:
    """Where it shows that a file in a user's `.ssh` is otherwise, or that their home is another: `agent.places`."""
    known = accounts.read(host).users.get(user)
    home = "" if known is None else known.home.rstrip("/")
    return ["/etc/passwd", *([f"{home}/.ssh", f"{home}/.ssh/{name}"] if home.startswith("/") else [])]


def write(host: Host, found: KeyFile, lines: Sequence[str]) -> None:
    """Put the file back with these lines, its owner as it was.

    Raises:
        HostFault: there is no such user.
    """
    if found.missing:
        raise HostFault(found.missing)
    mine, place = host, found.path.rpartition("/")[0]
    if found.account is not None:
        mine = host.as_user(found.account)
        if found.directory is None:
            mine.mkdir(place, mode=_DIRECTORY_MODE)
        elif found.directory.mode & _OTHERS_WRITE:
            mine.chmod(place, found.directory.mode & ~_OTHERS_WRITE)
    elif mine.lstat(place) is None:
        mine.mkdir(place, mode=0o755)
    data = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    stat = found.stat
    if stat is None:
        mine.write(found.path, data, mode=SHARED_MODE if found.account is None else PRIVATE_MODE)
    else:
        mode = stat.mode & ~_OTHERS_WRITE
        mine.write(found.path, data, mode=mode, uid=stat.uid, gid=stat.gid, keep=True)


def too_open(found: KeyFile) -> list[Change]:
    """What others could write."""
    modes = [("mode", found.stat), ("directory mode", found.directory)]
    return [
        Change(field, f"{stat.mode:04o}", f"{stat.mode & ~_OTHERS_WRITE:04o}")
        for field, stat in modes
        if stat is not None and stat.mode & _OTHERS_WRITE
    ]


def fingerprint(kind: str, data: str) -> str:
    """A key for a person to compare, as `ssh-keygen -l` shows it."""
    try:
        digest = b64encode(hashlib.sha256(b64decode(data)).digest()).decode().rstrip("=")
    except ValueError:
        return f"{kind} (damaged)"
    return f"{kind} SHA256:{digest}"


def _found(host: Host, empty: KeyFile) -> KeyFile:
    stat = host.lstat(empty.path)
    if stat is None:
        return empty
    if stat.kind is not Kind.FILE:
        raise HostFault(f"{empty.path} is a {stat.kind}, not a regular file")
    text = host.read(empty.path).decode("utf-8", "surrogateescape")
    return empty._replace(stat=stat, lines=tuple(text.removesuffix("\n").split("\n")) if text else ())

"""A home directory whose making was broken off: given to whom it belongs, and what /etc/skel puts there."""

from __future__ import annotations

from typing import Final

from agent.hosts import Account, Host, Kind
from agent.tools.accounts import User

SKELETON: Final = "/etc/skel"
MAX_ENTRIES: Final = 1_000


def furnish(host: Host, user: User, *, mode: int) -> None:
    """Make a home the user's, and put into it what of the skeleton is not there, or not yet the user's.

    Raises:
        HostFault, OSError: the host refuses.
    """
    stat = host.lstat(user.home)
    if stat is None:
        host.mkdir(user.home, mode=mode, uid=user.uid, gid=user.gid)
    elif stat.kind is not Kind.DIRECTORY:
        return
    elif stat.uid == 0 and user.uid != 0:  # nobody else could have put anything into it
        host.chown(user.home, user.uid, user.gid)
        host.chmod(user.home, mode)
    mine = host.as_user(Account(user.name, user.uid, user.gid, user.home))
    if host.lstat(SKELETON) is None:
        return
    todo, left = [""], MAX_ENTRIES
    while todo:
        here = todo.pop()
        for name in host.listdir(SKELETON + here):
            left -= 1
            if left < 0:
                return
            _put(host, mine, f"{SKELETON}{here}/{name}", f"{user.home.rstrip('/')}{here}/{name}", user)
            made = host.lstat(f"{SKELETON}{here}/{name}")
            if made is not None and made.kind is Kind.DIRECTORY:
                todo.append(f"{here}/{name}")


def _put(host: Host, mine: Host, source: str, path: str, user: User) -> None:
    wanted, there = host.lstat(source), mine.lstat(path)
    if wanted is None or (there is not None and there.uid == user.uid):
        return
    if wanted.kind is Kind.FILE:
        mine.write(path, host.read(source), mode=wanted.mode, uid=user.uid, gid=user.gid)
    elif wanted.kind is Kind.DIRECTORY and there is None:
        mine.mkdir(path, mode=wanted.mode, uid=user.uid, gid=user.gid)
    elif wanted.kind is Kind.SYMLINK and there is None:
        mine.symlink(path, host.readlink(source))

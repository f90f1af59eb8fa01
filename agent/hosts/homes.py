"""A host, touched on behalf of one of its users, whose home is in the hands of somebody who may mean ill.

Beneath a home every path is walked component by component, each held open: none may be a symbolic link, each must be
of the user, of root or of ourselves. So the agent, which is root, never writes where the user leads it. What it makes
there belongs to the user. A file that is not the user's is never given to them, opened up, or read where it may be
another's by a second name: they may have moved or linked it there. Programs run as the user. Everything else on the
machine is as it is for the agent itself.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from agent.hosts.beneath import CREATED_MODE, Beneath, make
from agent.hosts.host import Account, Host, HostFault, Ran, components
from agent.hosts.machine import Machine, vet_fresh

if TYPE_CHECKING:
    from agent.hosts.process import Identity

_ALWAYS: Final = os.O_CLOEXEC | os.O_NOFOLLOW
_STEP: Final = os.O_PATH | _ALWAYS
_UP: Final = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_AT_EMPTY_PATH: Final = 0x1000
_MAX_DEPTH: Final = 256


class Home:
    """How paths are opened on behalf of a user: see the module. A path elsewhere is opened as `beneath` does."""

    def __init__(self, beneath: Beneath, account: Account) -> None:
        self._beneath: Final = beneath
        self._account: Final = account
        self._parts: Final = components(account.home)
        self._trusted: Final = frozenset({0, os.geteuid(), account.uid})

    def close(self) -> None:
        """Nothing is held between calls: the home may be another one by then."""

    def below(self, path: str) -> list[str] | None:
        """The components of a path beneath the home; None for the home itself and for all else."""
        parts, depth = components(path), len(self._parts)
        return parts[depth:] if depth and len(parts) > depth and parts[:depth] == self._parts else None

    def open(self, path: str, flags: int) -> int:
        """See `Beneath.open`.

        Raises:
            HostFault: the way leads through a link, or through what is neither the user's nor root's.
        """
        below = self.below(path)
        if below is None:
            return self._beneath.open(path, flags)
        parent = self._walk(below[:-1], create=False)
        try:
            return os.open(below[-1], flags | _ALWAYS, dir_fd=parent)
        finally:
            os.close(parent)

    def parent(self, path: str, *, create: bool = False) -> tuple[int, str]:
        """See `Beneath.parent`; what is made on the way is the user's. Raises as `open` does."""
        below = self.below(path)
        if below is None:
            return self._beneath.parent(path, create=create)
        return self._walk(below[:-1], create=create), below[-1]

    def _walk(self, parts: Sequence[str], *, create: bool) -> int:
        here = self._open_home()
        shown = self._account.home.rstrip("/")
        try:
            for part in parts:
                shown = f"{shown}/{part}"
                try:
                    fd = os.open(part, _STEP, dir_fd=here)
                except FileNotFoundError:
                    if not create:
                        raise
                    fd = self._make(here, part, shown)
                os.close(here)
                here = fd
                self._vet(here, shown)
        except BaseException:
            os.close(here)
            raise
        return here

    def _open_home(self) -> int:
        home = self._account.home
        parent, name = self._beneath.parent(home)
        try:
            fd = os.open(name, _STEP, dir_fd=parent)
        finally:
            os.close(parent)
        try:
            self._vet(fd, home)
            self._vet_above(fd, home)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _vet(self, fd: int, shown: str) -> None:
        found = os.fstat(fd)
        if stat.S_ISLNK(found.st_mode):
            raise HostFault(f"{shown} is a symbolic link: nothing is done through it on behalf of {self._account.name}")
        if not stat.S_ISDIR(found.st_mode):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), shown)
        if found.st_uid not in self._trusted:
            raise HostFault(f"{shown} belongs to user {found.st_uid}, not to {self._account.name}")

    def _vet_above(self, home: int, shown: str) -> None:
        """Whoever owns a directory above the home can put another in its place."""
        root, here = os.fstat(self._beneath.fd), os.dup(home)
        try:
            for _ in range(_MAX_DEPTH):
                above = os.open("..", _UP, dir_fd=here)
                below, found = os.fstat(here), os.fstat(above)
                os.close(here)
                here = above
                if os.path.samestat(found, root) or os.path.samestat(found, below):
                    return
                if found.st_uid not in self._trusted:
                    raise HostFault(f"a directory above {shown} belongs to user {found.st_uid}")
            raise HostFault(f"{shown} lies deeper than {_MAX_DEPTH} directories")
        finally:
            os.close(here)

    def _make(self, here: int, part: str, shown: str) -> int:
        def settle(made: int) -> None:
            vet_fresh(made, shown)
            if os.geteuid() == 0:
                os.fchown(made, self._account.uid, self._account.gid)
            os.fchmod(made, CREATED_MODE)

        fresh = make(here, part, settle)
        return os.open(part, _STEP, dir_fd=here) if fresh is None else fresh


class UserHost(Machine):
    """The machine of another host, or its confined root, on behalf of a user."""

    def __init__(self, host: Machine, beneath: Beneath, account: Account) -> None:
        self._home: Final = Home(beneath, account)
        self._account: Final = account
        self._host: Final = host
        self._ways: Final = beneath
        super().__init__(host.root, self._home, host.memo)
        self.errands = host.errands

    def as_user(self, account: Account) -> Host:
        """See `Host`."""
        return UserHost(self._host, self._ways, account)

    def guards(self, path: str) -> bool:
        """See `Host`."""
        return self._home.below(path) is not None

    def noted(self, path: str) -> None:
        """See `Machine`."""
        self._host.noted(path)

    def write(
        self,
        path: str,
        data: bytes | Iterable[bytes],
        *,
        mode: int,
        uid: int | None = None,
        gid: int | None = None,
        check: Callable[[str], None] | None = None,
        keep: bool = False,
    ) -> None:
        """See `Host`."""
        uid, gid = self._owners(path, uid, gid)
        super().write(path, data, mode=mode, uid=uid, gid=gid, check=check, keep=keep)

    def mkdir(self, path: str, *, mode: int, uid: int | None = None, gid: int | None = None) -> None:
        """See `Host`."""
        uid, gid = self._owners(path, uid, gid)
        super().mkdir(path, mode=mode, uid=uid, gid=gid)

    def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes = b"",  # noqa: A002
        timeout_s: float = 60.0,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        user: str | None = None,
    ) -> Ran:
        """See `Host`."""
        where = self._account.home if cwd is None else cwd
        if not self.confined:
            # Root enters it, before it becomes the user.
            os.close(self._beneath.open(where, os.O_PATH | os.O_DIRECTORY))
        return super().run(argv, input=input, timeout_s=timeout_s, env=env, cwd=where, user=user)

    def _owners(self, path: str, uid: int | None, gid: int | None) -> tuple[int | None, int | None]:
        if not self.privileged or not self.guards(path):
            return uid, gid
        return self._account.uid if uid is None else uid, self._account.gid if gid is None else gid

    def _looked_at(self, path: str, fd: int, *, changing: bool = False) -> os.stat_result:
        found = os.fstat(fd)
        ours = found.st_uid == self._account.uid
        if ours or not stat.S_ISREG(found.st_mode) or not self.guards(path):
            return found
        if found.st_nlink > 1:
            raise HostFault(f"{path} has {found.st_nlink} hard links and belongs to user {found.st_uid}: left alone")
        if found.st_uid not in (0, os.geteuid()):
            raise HostFault(f"{path} belongs to user {found.st_uid}, not to {self._account.name}: left alone")
        if changing:
            raise HostFault(f"{path} is not {self._account.name}'s: its owner and mode are left alone")
        return found

    def _may_link(self, path: str, target: str, found: os.stat_result) -> None:
        if self.guards(path) and not (self.guards(target) and found.st_uid == self._account.uid):
            raise HostFault(f"{target} is not in the home of who is to have {path}")

    def _own_link(self, path: str, candidate: str, parent: int) -> None:
        if not self.privileged or not self.guards(path):
            return
        fd = os.open(candidate, _STEP, dir_fd=parent)
        try:
            found = os.fstat(fd)
            if not stat.S_ISLNK(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink != 1:
                raise HostFault(f"{path} was replaced while it was made")
            _chown_open(fd, self._account)
        finally:
            os.close(fd)

    def _identity(self, user: str | None) -> Identity:
        from agent.hosts.process import Identity

        account = self._account
        if user not in (None, account.name):
            raise HostFault(f"on behalf of {account.name} no program is run as {user}")
        if os.geteuid() == account.uid:
            return Identity(None, None, None, account.name, account.home)
        if os.geteuid() != 0:
            raise HostFault(f"only root may run a program as {account.name}")
        groups = os.getgrouplist(account.name, account.gid)
        return Identity(account.uid, account.gid, groups, account.name, account.home)


def _chown_open(fd: int, account: Account) -> None:
    """`fchownat` with `AT_EMPTY_PATH`: the standard library has no way to a link that is open."""
    libc: Any = ctypes.CDLL(None, use_errno=True)
    if libc.fchownat(fd, b"", account.uid, account.gid, _AT_EMPTY_PATH) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))

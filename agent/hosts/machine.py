"""What every touch of a real machine has in common, whichever way its paths are opened."""

# pathlib has no dir_fd
# ruff: noqa: PTH101, PTH113, PTH208

from __future__ import annotations

import ctypes
import errno
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent.hosts import reach
from agent.hosts.accounts import Accounts, FileAccounts, SystemAccounts
from agent.hosts.beneath import Way, candidate_of
from agent.hosts.files import CHUNK, Files, content_digest, keep_attributes
from agent.hosts.host import ANY, MAX_READ_BYTES, Account, Host, HostFault, Kind, Ran, Stat

if TYPE_CHECKING:
    from agent.errands import Errands
    from agent.hosts.process import Identity, Start

_READ: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_KINDS: Final = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.DIRECTORY, stat.S_IFLNK: Kind.SYMLINK}
_KERNELS: Final = 64 * 1024
"""As much as is asked of a file whose size the kernel does not say."""
LONG_S: Final = 300.0
"""A program that may take this long, a package manager, is not to be ended with the agent."""
_SINGLE_SYNCS: Final = 256
"""Up to this many paths are synced one by one, 1 ms each; beyond, their whole file systems, 600 ms here."""


class Machine(Files, ABC):
    """The machine (`root` is `/`), or everything confined beneath another directory, where no program runs.

    Args:
        root: what stands for `/`, resolved.
        way: how paths are opened.
        memo: see `Host`.
    """

    def __init__(self, root: Path, way: Way, memo: dict[object, Any]) -> None:
        self.root: Final = root
        self.confined: Final = str(self.root) != "/"
        self.privileged: Final = os.geteuid() == 0
        self.memo: Final = memo
        super().__init__(way)
        self._accounts: Final[Accounts] = FileAccounts(self) if self.confined else SystemAccounts(self.memo)
        self._unsynced: Final[dict[str, None]] = {}
        self.errands: Errands | None = None
        """Who starts programs that need the network, where this process may not."""

    def close(self) -> None:
        """Let go of the root; the host is of no use afterwards."""
        self._beneath.close()

    @abstractmethod
    def as_user(self, account: Account) -> Host:
        """See `Host`."""

    def guards(self, path: str) -> bool:  # noqa: ARG002 - of nobody's
        """See `Host`: it is touched on nobody's behalf."""
        return False

    # reading

    def lstat(self, path: str) -> Stat | None:
        """See `Host`."""
        try:
            fd = self._beneath.open(path, os.O_PATH)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            return _stat(os.fstat(fd))
        finally:
            os.close(fd)

    def fingerprint(self, path: str, size: int | None) -> tuple[Stat, str | None] | None:
        """See `Host`."""
        try:
            fd = self._beneath.open(path, _READ)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            # A link, a socket, or a file that we may not read (the owner's bits can keep even an owner out).
            if error.errno not in (errno.ELOOP, errno.ENXIO, errno.EACCES):
                raise
            found = self.lstat(path)
            if found is not None and found.kind is Kind.FILE and size in (found.size, ANY):
                raise
            return None if found is None else (found, None)
        try:
            found = _stat(self._looked_at(path, fd))
            if found.kind is not Kind.FILE or size not in (found.size, ANY):
                return found, None
            return found, content_digest(fd, found.size).hex()
        finally:
            os.close(fd)

    def read(self, path: str, *, limit: int = MAX_READ_BYTES) -> bytes:
        """See `Host`."""
        try:
            fd = self._beneath.open(path, _READ)
        except OSError as error:
            if error.errno == errno.ELOOP and self.lstat(path) is not None:
                raise HostFault(f"{path} is a symbolic link, not a regular file") from error
            raise
        try:
            found = _stat(self._looked_at(path, fd))
            if found.kind is not Kind.FILE:
                raise HostFault(f"{path} is a {found.kind}, not a regular file")
            chunks = []
            left = limit + 1  # /proc says size 0: count what comes instead
            # The kernel clears as much memory for a read of /proc/sys as it is asked for: 1 MiB takes a millisecond.
            room = min(CHUNK, max(found.size + 1, _KERNELS))
            while left > 0 and (chunk := os.read(fd, min(room, left))):
                chunks.append(chunk)
                left -= len(chunk)
            if left <= 0:
                raise HostFault(f"{path} is larger than {limit} bytes")
            return b"".join(chunks)
        finally:
            os.close(fd)

    def readlink(self, path: str) -> str:
        """See `Host`."""
        fd = self._beneath.open(path, os.O_PATH)
        try:
            return os.readlink("", dir_fd=fd)
        finally:
            os.close(fd)

    def listdir(self, path: str) -> list[str]:
        """See `Host`."""
        fd = self._beneath.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return sorted(os.listdir(fd))
        finally:
            os.close(fd)

    # writing

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
        parent, name = self._beneath.parent(path, create=self.confined)
        try:
            candidate = candidate_of(name)
            fd = _create(candidate, parent)
            try:
                try:
                    for chunk in (data,) if isinstance(data, bytes) else data:
                        view = memoryview(chunk)
                        while view:
                            view = view[os.write(fd, view) :]
                    if keep:
                        keep_attributes(name, parent, fd)
                    _own(fd, mode, uid, gid)
                finally:
                    os.close(fd)
                if check is not None:
                    check(f"{path.rpartition('/')[0]}/{candidate}")
                os.rename(candidate, name, src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                with suppress(OSError):
                    os.unlink(candidate, dir_fd=parent)
                raise
        finally:
            os.close(parent)
        self._wrote(path)

    def poke(self, path: str, data: bytes) -> None:
        """See `Host`."""
        fd = self._beneath.open(path, os.O_WRONLY | os.O_NONBLOCK)
        try:
            found = _stat(self._looked_at(path, fd, changing=True))
            if found.kind is not Kind.FILE:
                raise HostFault(f"{path} is a {found.kind}, not a regular file")
            try:
                os.write(fd, data)
            except OSError as error:
                raise OSError(error.errno, error.strerror, path) from error
        finally:
            os.close(fd)
        self.noted(path)

    def mkdir(self, path: str, *, mode: int, uid: int | None = None, gid: int | None = None) -> None:
        """See `Host`."""
        parent, name = self._beneath.parent(path, create=True)
        candidate = candidate_of(name)
        try:
            with suppress(FileNotFoundError):
                os.rmdir(candidate, dir_fd=parent)  # of a run that was killed
            os.mkdir(candidate, 0o700, dir_fd=parent)
            try:
                fd = os.open(candidate, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
                try:
                    if self.guards(path):
                        vet_fresh(fd, path)
                    _own(fd, mode, uid, gid)
                finally:
                    os.close(fd)
                os.rename(candidate, name, src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                with suppress(OSError):
                    os.rmdir(candidate, dir_fd=parent)
                raise
        finally:
            os.close(parent)
        self._wrote(path)

    def symlink(self, path: str, target: str) -> None:
        """See `Host`."""
        parent, name = self._beneath.parent(path, create=self.confined)
        candidate = candidate_of(name)
        try:
            with suppress(FileNotFoundError):
                os.unlink(candidate, dir_fd=parent)
            os.symlink(target, candidate, dir_fd=parent)
            try:
                self._own_link(path, candidate, parent)
                os.rename(candidate, name, src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                with suppress(OSError):
                    os.unlink(candidate, dir_fd=parent)
                raise
        finally:
            os.close(parent)
        self._wrote(path)

    def remove(self, path: str) -> None:
        """See `Host`."""
        self._in_parent(path, lambda name, parent: os.unlink(name, dir_fd=parent))

    def rmdir(self, path: str) -> None:
        """See `Host`."""
        self._in_parent(path, lambda name, parent: os.rmdir(name, dir_fd=parent))

    def remove_tree(self, path: str) -> None:
        """See `Host`."""

        def empty_and_remove(name: str, parent: int) -> None:
            device = os.stat(".", dir_fd=parent).st_dev
            _empty(name, parent, device, path)
            os.rmdir(name, dir_fd=parent)

        self._in_parent(path, empty_and_remove)

    def chmod(self, path: str, mode: int) -> None:
        """See `Host`."""
        self._on_one(path, lambda fd: os.fchmod(fd, mode), lambda link: os.chmod(link, mode))

    def chown(self, path: str, uid: int | None, gid: int | None) -> None:
        """See `Host`."""
        ids = (-1 if uid is None else uid, -1 if gid is None else gid)
        self._on_one(path, lambda fd: os.fchown(fd, *ids), lambda link: os.chown(link, *ids))

    def sync_pending(self) -> None:
        """See `Host`."""
        paths = dict.fromkeys([*self._unsynced, *(path.rpartition("/")[0] or "/" for path in self._unsynced)])
        self._unsynced.clear()
        whole_systems: dict[int, None] = {}
        for path in paths:
            try:
                fd = self._beneath.open(path, _READ)
            except (OSError, HostFault):
                continue  # gone again, or a link: its directory is in the list too
            try:
                if len(paths) <= _SINGLE_SYNCS:
                    os.fsync(fd)
                    continue
                device = os.fstat(fd).st_dev
                if device not in whole_systems:
                    whole_systems[device] = None
                    _syncfs(fd)
            finally:
                os.close(fd)

    # accounts

    def uid(self, name: str) -> int | None:
        """See `Host`."""
        return self._accounts.uid(name)

    def gid(self, name: str) -> int | None:
        """See `Host`."""
        return self._accounts.gid(name)

    def user_name(self, uid: int) -> str:
        """See `Host`."""
        return self._accounts.user_name(uid)

    def group_name(self, gid: int) -> str:
        """See `Host`."""
        return self._accounts.group_name(gid)

    # programs

    def which(self, program: str) -> str | None:
        """See `Host`."""
        if self.confined:
            return None
        from agent.hosts import process

        for directory in process.PATH.split(":"):
            candidate = program if program.startswith("/") else f"{directory}/{program}"
            if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
                return candidate
        return None

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
        if self.confined:
            raise HostFault(f"{argv[0]} is not run: the host is confined to {self.root}")
        from agent.hosts import process

        program = self.which(argv[0])
        if program is None:
            raise HostFault(f"there is no program {argv[0]} on this host")
        identity = self._identity(user)
        clean = process.environment(env, identity)
        return process.run(
            [program, *argv[1:]],
            stdin=input,
            timeout_s=timeout_s,
            env=clean,
            cwd=cwd,
            identity=identity,
            start=self._start(timeout_s),
        )

    def _start(self, timeout_s: float) -> Start | None:
        if self.errands is None or not reach.network():
            return None
        return self.errands.start_long if timeout_s >= LONG_S else self.errands.start

    def noted(self, path: str) -> None:
        """Something at this path was changed by us just now, here or on behalf of a user."""

    # private

    def _wrote(self, path: str) -> None:
        self._unsynced[path] = None
        self.noted(path)

    def _looked_at(self, path: str, fd: int, *, changing: bool = False) -> os.stat_result:  # noqa: ARG002 - for homes
        """What is open at a path, before it is read or, with `changing`, its owner or mode changed."""
        return os.fstat(fd)

    def _own_link(self, path: str, candidate: str, parent: int) -> None:
        """Give a new link to whom it is to belong."""

    def _identity(self, user: str | None) -> Identity | None:
        return self._accounts.identity(user) if user is not None else None

    def _in_parent(self, path: str, act: Callable[[str, int], None]) -> None:
        try:
            parent, name = self._beneath.parent(path)
        except FileNotFoundError:
            return
        try:
            with suppress(FileNotFoundError):
                act(name, parent)
        finally:
            os.close(parent)
        self._wrote(path)

    def _on_one(self, path: str, by_fd: Callable[[int], None], by_link: Callable[[str], None]) -> None:
        """Act on the one file or directory at `path`, held open so that nobody can put another in its place."""
        fd = self._beneath.open(path, os.O_PATH)
        try:
            found = _stat(self._looked_at(path, fd, changing=True))
            if found.kind not in (Kind.FILE, Kind.DIRECTORY):
                raise HostFault(f"{path} is a {found.kind}: its owner and mode are left alone")
            if found.kind is Kind.FILE and found.links > 1:
                raise HostFault(f"{path} has {found.links} hard links: its owner and mode would change elsewhere too")
            try:
                by_link(f"/proc/self/fd/{fd}")
            except FileNotFoundError:  # no /proc: only for what may be opened to read
                readable = self._beneath.open(path, _READ)
                try:
                    if not os.path.samestat(os.fstat(readable), os.fstat(fd)):
                        raise HostFault(f"{path} was replaced while it was worked on") from None
                    by_fd(readable)
                finally:
                    os.close(readable)
        finally:
            os.close(fd)
        self._wrote(path)


def _stat(found: os.stat_result) -> Stat:
    mode, _, _, links, uid, gid, size = found[:7]  # at once: each name is looked up for itself, a thousand times a run
    return Stat(_KINDS.get(mode & 0o170000, Kind.OTHER), mode & 0o7777, uid, gid, size, links)


def _create(candidate: str, parent: int) -> int:
    try:
        return os.open(candidate, _CREATE, 0o600, dir_fd=parent)
    except FileExistsError:
        os.unlink(candidate, dir_fd=parent)
        return os.open(candidate, _CREATE, 0o600, dir_fd=parent)


def vet_fresh(fd: int, path: str) -> None:
    """Refuse an open directory that cannot be the one we have just made: it is ours, and nothing is in it.

    Raises:
        HostFault: it is another.
    """
    if os.fstat(fd).st_uid != os.geteuid() or os.listdir(fd):
        raise HostFault(f"{path} was replaced while it was made")


def _own(fd: int, mode: int, uid: int | None, gid: int | None) -> None:
    """Owner first: a change of owner clears set-id bits."""
    made = os.fstat(fd)
    if (uid is not None and uid != made.st_uid) or (gid is not None and gid != made.st_gid):
        os.fchown(fd, -1 if uid is None else uid, -1 if gid is None else gid)
    os.fchmod(fd, mode)


def _empty(name: str, parent: int, device: int, path: str) -> None:
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if os.fstat(fd).st_dev != device:
            raise HostFault(f"{name} below {path} is a mount point: not removed")
        with os.scandir(fd) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for child, is_directory in found:
            if is_directory:
                _empty(child, fd, device, path)
                os.rmdir(child, dir_fd=fd)
            else:
                os.unlink(child, dir_fd=fd)
    finally:
        os.close(fd)


def _syncfs(fd: int) -> None:
    if ctypes.CDLL(None, use_errno=True).syncfs(fd) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))

"""What more can be done with the files of a real machine: second names, renames, extended attributes, long reads.

A part of `agent.hosts.machine.Machine`, which opens the paths and says what it has written.
"""

# pathlib has no dir_fd

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import stat
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Final

from agent.hosts.beneath import Way, candidate_of
from agent.hosts.host import Exact, HostFault, Signature

_READ: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
_MATCHED: Final = _READ | os.O_NOFOLLOW | os.O_CLOEXEC
_RENAME_EXCHANGE: Final = 2
CHUNK: Final = 1024 * 1024
_NOT_COPIED: Final = frozenset({"security.capability", "security.evm", "security.ima"})
"""They vouch for the bytes, and these change."""


class Files:
    """See the module, and `Host` for what each method does."""

    def __init__(self, way: Way) -> None:
        self._beneath: Final = way

    @abstractmethod
    def _looked_at(self, path: str, fd: int, *, changing: bool = False) -> os.stat_result: ...
    @abstractmethod
    def _on_one(self, path: str, by_fd: Callable[[int], None], by_link: Callable[[str], None]) -> None: ...
    @abstractmethod
    def _wrote(self, path: str) -> None: ...

    def same(self, path: str, other: str) -> bool:
        """See `Host`."""
        found = []
        for each in (path, other):
            try:
                fd = self._beneath.open(each, os.O_PATH)
            except (FileNotFoundError, NotADirectoryError):
                return False
            try:
                found.append(os.fstat(fd))
            finally:
                os.close(fd)
        return os.path.samestat(*found)

    def signatures(self, folder: str, names: Sequence[str]) -> Sequence[Signature | None]:
        """See `Host`."""
        with self._opened(folder) as parent:
            return [None if parent is None else _signature(parent, name) for name in names]

    def matching(self, folder: str, files: Sequence[Exact]) -> Sequence[bool]:
        """See `Host`."""
        with self._opened(folder) as parent:
            return [parent is not None and _matches(parent, file) for file in files]

    @contextmanager
    def _opened(self, folder: str) -> Iterator[int | None]:
        """A directory, opened beneath the root; None where there is none."""
        parent = None
        with suppress(OSError, HostFault):
            parent, _ = self._beneath.parent(f"{folder}/_")
        try:
            yield parent
        finally:
            if parent is not None:
                os.close(parent)

    @contextmanager
    def stream(self, path: str) -> Iterator[BinaryIO]:
        """See `Host`."""
        try:
            fd = self._beneath.open(path, _READ)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise HostFault(f"{path} is a symbolic link, not a regular file") from error
            raise
        with os.fdopen(fd, "rb") as opened:
            if not stat.S_ISREG(self._looked_at(path, fd).st_mode):
                raise HostFault(f"{path} is not a regular file")
            yield opened

    def link(self, path: str, target: str) -> None:
        """See `Host`."""
        fd = self._beneath.open(target, os.O_PATH)
        try:
            found = self._looked_at(target, fd)
            if not stat.S_ISREG(found.st_mode):
                raise HostFault(f"{target} is not a regular file: it gets no second name")
            self._may_link(path, target, found)
            parent, name = self._beneath.parent(path)
            try:
                ready = f"{candidate_of(name)[:-4]}.link"
                with suppress(FileNotFoundError):
                    os.unlink(ready, dir_fd=parent)
                os.link(f"/proc/self/fd/{fd}", ready, dst_dir_fd=parent, follow_symlinks=True)
                try:
                    os.rename(ready, name, src_dir_fd=parent, dst_dir_fd=parent)
                finally:  # a rename onto another name of the same file leaves both (rename(2))
                    with suppress(OSError):
                        os.unlink(ready, dir_fd=parent)
            finally:
                os.close(parent)
        finally:
            os.close(fd)
        self._wrote(path)

    def rename(self, path: str, name: str) -> None:
        """See `Host`."""
        parent, old = self._beneath.parent(path)
        try:
            if stat.S_ISDIR(os.stat(old, dir_fd=parent, follow_symlinks=False).st_mode) and _is_there(name, parent):
                raise OSError(errno.EEXIST, os.strerror(errno.EEXIST), name)
            os.rename(old, name, src_dir_fd=parent, dst_dir_fd=parent)
        finally:
            os.close(parent)
        self._wrote(path)
        self._wrote(f"{path.rpartition('/')[0]}/{name}")

    def exchange(self, path: str, name: str) -> None:
        """See `Host`."""
        parent, old = self._beneath.parent(path)
        try:
            _exchange(parent, old, name)
        finally:
            os.close(parent)
        self._wrote(path)

    def attribute(self, path: str, name: str) -> bytes | None:
        """See `Host`."""
        fd = self._beneath.open(path, os.O_PATH)
        try:
            if stat.S_ISLNK(os.fstat(fd).st_mode):
                return None
            return os.getxattr(f"/proc/self/fd/{fd}", name)
        except OSError as error:
            if error.errno in (errno.ENODATA, errno.ENOTSUP):
                return None
            raise OSError(error.errno, error.strerror, path) from error
        finally:
            os.close(fd)

    def set_attribute(self, path: str, name: str, value: bytes | None) -> None:
        """See `Host`."""

        def act(where: int | str) -> None:
            try:
                if value is not None:
                    os.setxattr(where, name, value)
                    return
                with _ignoring(errno.ENODATA, errno.ENOTSUP):
                    os.removexattr(where, name)
            except FileNotFoundError:
                raise
            except OSError as error:
                raise OSError(error.errno, error.strerror, path) from error

        self._on_one(path, act, act)

    def _may_link(self, path: str, target: str, found: os.stat_result) -> None:
        """Refuse a second name where somebody could lead us to what is not theirs."""


def _signature(parent: int, name: str) -> Signature | None:
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except OSError:
        return None
    return Signature(found.st_ctime_ns, found.st_mtime_ns, found[:7])


def _matches(parent: int, file: Exact) -> bool:
    name, kind, mode, uid, gid, size, digest = file
    fd = -1
    try:
        if digest is None or size is None:
            found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        else:
            fd = os.open(name, _MATCHED, dir_fd=parent)
            found = os.fstat(fd)
        have = found[0]  # by number: each name is looked up for itself, a thousand times a run
        return (
            have & 0o170000 == kind
            and (mode is None or have & 0o7777 == mode)
            and (uid is None or found[4] == uid)
            and (gid is None or found[5] == gid)
            and (size is None or found[6] == size)
            and (fd < 0 or content_digest(fd, found[6]) == digest)
        )
    except OSError:
        return False
    finally:
        if fd >= 0:
            os.close(fd)


def content_digest(fd: int, size: int) -> bytes:
    """The SHA-256 of an open file, which has `size` bytes by its stat."""
    if size <= CHUNK:
        # One byte more than it should be, and no more: a large buffer for each small file is slow to get.
        return hashlib.sha256(os.read(fd, size + 1)).digest()
    digest = hashlib.sha256()
    while chunk := os.read(fd, CHUNK):
        digest.update(chunk)
    return digest.digest()


def keep_attributes(name: str, parent: int, fd: int) -> None:
    """Give the open new file the extended attributes of the one at `name`, but for those that vouch for its bytes."""
    try:
        old = os.open(name, _READ | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
            return
        raise
    try:
        with _ignoring(errno.ENOTSUP):
            known, fresh = set(os.listxattr(old)) - _NOT_COPIED, set(os.listxattr(fd)) - _NOT_COPIED
            for surplus in fresh - known:
                with _ignoring(errno.EPERM, errno.EACCES):
                    os.removexattr(fd, surplus)
            for attribute in known:
                value = os.getxattr(old, attribute)
                # A label that a policy sets by itself may be one that we may not set.
                with _ignoring(
                    *((errno.EPERM, errno.EACCES) if attribute.startswith(("security.", "trusted.")) else ())
                ):
                    os.setxattr(fd, attribute, value)
    finally:
        os.close(old)


@contextmanager
def _ignoring(*codes: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in codes:
            raise


def _is_there(name: str, parent: int) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _exchange(parent: int, one: str, other: str) -> None:
    """renameat2(2) with RENAME_EXCHANGE; where C library or file system have none, three renames."""
    libc: Any = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "renameat2"):
        names = [os.fsencode(name) for name in (one, other)]
        if libc.renameat2(parent, names[0], parent, names[1], _RENAME_EXCHANGE) == 0:
            return
        code = ctypes.get_errno()
        if code not in (errno.ENOSYS, errno.EINVAL):
            raise OSError(code, os.strerror(code), one)
    aside = f"{candidate_of(one)[:-4]}.aside"
    for source, target in ((one, aside), (other, one), (aside, other)):
        os.rename(source, target, src_dir_fd=parent, dst_dir_fd=parent)

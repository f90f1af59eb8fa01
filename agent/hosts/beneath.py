"""Open paths beneath a directory, and let nobody lead us elsewhere.

A path is opened with `openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)`: one call where no link is on the way. Where one
is, or where the kernel has no `openat2`, the way is walked component by component with `O_NOFOLLOW`. Links are then
followed by us and within the root only (an absolute target starts at the root, `..` stops there), as chroot would. A
link is trusted when root or we ourselves own it; one that somebody else owns may lead only to a directory of the same
owner, so that a user cannot have the agent write where the user could not.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import platform
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

from agent.hosts.host import HostFault, components

_OPENAT2: Final = 437  # the same on every architecture that we build for
_RESOLVE_NO_SYMLINKS: Final = 0x04
_RESOLVE_BENEATH: Final = 0x08
_MAX_LINKS: Final = 40
_ALWAYS: Final = os.O_CLOEXEC | os.O_NOFOLLOW
_STEP: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_PARENT: Final = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC  # a link as the last one is ELOOP, so that it is walked
CREATED_MODE: Final = 0o755
_IN_THE_WAY: Final = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR})


class Way(Protocol):
    """How paths are opened."""

    def open(self, path: str, flags: int) -> int: ...
    def parent(self, path: str, *, create: bool = False) -> tuple[int, str]: ...
    def close(self) -> None: ...


def candidate_of(name: str) -> str:
    """Where the new one is made ready: the same each time, so that the leftover of a kill is found again."""
    return f".vigo-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.tmp"


def make(parent: int, name: str, settle: Callable[[int], None]) -> int | None:
    """Make a directory that gets its name when `settle` has given it owner and mode: a kill leaves no half of one.

    Returns it, open to be read; None where there is something of that name by now.
    """
    candidate = candidate_of(name)
    with suppress(FileNotFoundError):
        os.rmdir(candidate, dir_fd=parent)
    os.mkdir(candidate, 0o700, dir_fd=parent)
    made = os.open(candidate, os.O_RDONLY | os.O_DIRECTORY | _ALWAYS, dir_fd=parent)
    try:
        settle(made)
        os.rename(candidate, name, src_dir_fd=parent, dst_dir_fd=parent)
    except BaseException as error:
        os.close(made)
        with suppress(OSError):
            os.rmdir(candidate, dir_fd=parent)
        if isinstance(error, OSError) and error.errno in _IN_THE_WAY:
            return None
        raise
    return made


class _OpenHow(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


class Beneath:
    """One root directory, held open. Relative to it everything is opened; the process's own root plays no part."""

    def __init__(self, root: str, *, openat2: bool = True) -> None:
        self.fd: Final = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._trusted: Final = frozenset({0, os.geteuid()})
        self._how: Final[dict[int, Any]] = {}
        self._syscall: Final = ctypes.CDLL(None, use_errno=True).syscall
        self._fast = openat2 and platform.system() == "Linux"

    def close(self) -> None:
        """Let go of the root."""
        os.close(self.fd)

    def open(self, path: str, flags: int) -> int:
        """A descriptor for what is at `path`; its last component is not followed.

        Raises:
            HostFault: the path is refused.
            OSError: as open(2); ELOOP when the last component is a link and `flags` lack `O_PATH`.
        """
        # What needs a closer look (`..`, a doubled or trailing slash) takes the slow way, which refuses or tidies it.
        if self._fast and ".." not in path and "//" not in path and path[-1:] != "/" and path[:1] == "/":
            fd = self._openat2(path[1:], flags | _ALWAYS)
            if fd is not None:
                return fd
        parts = components(path)
        if not parts:
            return os.open(".", flags | _ALWAYS, dir_fd=self.fd)
        parent = self._walk(parts[:-1], create=False)
        try:
            return os.open(parts[-1], flags | _ALWAYS, dir_fd=parent)
        finally:
            os.close(parent)

    def parent(self, path: str, *, create: bool = False) -> tuple[int, str]:
        """A descriptor (`O_PATH`) of the directory that holds `path`, and the last component. The caller closes it.

        With `create`, missing directories on the way are made with mode 0755.
        """
        parts = components(path)
        if not parts:
            raise HostFault("the root itself is not ours to change")
        if self._fast:
            fd = self._openat2("/".join(parts[:-1]) or ".", _PARENT, missing_ok=create)
            if fd is not None:
                return fd, parts[-1]
        return self._walk(parts[:-1], create=create), parts[-1]

    def _openat2(self, relative: str, flags: int, *, missing_ok: bool = False) -> int | None:
        """None: not to be had this way; walk instead."""
        how = self._how.get(flags)
        if how is None:
            how = self._how[flags] = ctypes.byref(_OpenHow(flags, 0, _RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS))
        name = relative.encode("utf-8", "surrogateescape")
        if b"\0" in name:
            return None
        fd: int = self._syscall(_OPENAT2, self.fd, name, how, 24)
        if fd >= 0:
            return fd
        code = ctypes.get_errno()
        if code in (errno.ENOSYS, errno.EPERM):  # an old kernel, or a seccomp filter that does not know the call
            self._fast = False
            return None
        if code in (errno.ELOOP, errno.EAGAIN, errno.EINTR) or (code == errno.ENOENT and missing_ok):
            return None
        raise OSError(code, os.strerror(code), "/" + relative)

    def _walk(self, parts: list[str], *, create: bool) -> int:
        """Step from the root through `parts`, each a directory or a link that may be followed."""
        todo = parts[::-1]
        trail = [os.dup(self.fd)]
        suspects: list[tuple[int, int]] = []  # (owner of a link, components left when its target is reached)
        links = 0
        try:
            while todo:
                part = todo.pop()
                if part == "..":
                    if len(trail) > 1:
                        os.close(trail.pop())
                else:
                    target = self._step(trail, part, create=create)
                    if target is not None:
                        links += 1
                        if links > _MAX_LINKS:
                            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), part)
                        owner, text = target
                        if owner not in self._trusted:
                            suspects.append((owner, len(todo)))
                        if text.startswith("/"):
                            while len(trail) > 1:
                                os.close(trail.pop())
                        todo.extend(name for name in reversed(text.split("/")) if name not in ("", "."))
                while suspects and len(todo) <= suspects[-1][1]:
                    owner, _ = suspects.pop()
                    if os.fstat(trail[-1]).st_uid != owner:
                        raise HostFault(
                            f"a symbolic link of user {owner} on the way ({part}) leads out of what is theirs"
                        )
            return trail.pop()
        finally:
            for fd in trail:
                os.close(fd)

    def _step(self, trail: list[int], part: str, *, create: bool) -> tuple[int, str] | None:
        """Go down one component. Returns (owner, target) of a link instead, which is not entered."""
        here = trail[-1]
        try:
            fd = os.open(part, _STEP, dir_fd=here)
        except FileNotFoundError:
            if not create:
                raise
            fd = self._make(here, part)
        found = os.fstat(fd)
        if stat.S_ISDIR(found.st_mode):
            trail.append(fd)
            return None
        try:
            if not stat.S_ISLNK(found.st_mode):
                raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), part)
            return found.st_uid, os.readlink("", dir_fd=fd)
        finally:
            os.close(fd)

    @staticmethod
    def _make(here: int, part: str) -> int:
        fresh = make(here, part, lambda made: os.fchmod(made, CREATED_MODE))
        if fresh is not None:
            os.close(fresh)
        return os.open(part, _STEP, dir_fd=here)

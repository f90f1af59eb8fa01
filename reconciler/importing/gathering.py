"""Reading what an import is made of from a disk: bounded, never a program, never past what was asked for.

Below a host's root no symbolic link is followed, so that `--root` of a foreign tree shows that tree alone. In an
inventory links are followed, as Ansible does, until they go round in a circle.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from reconciler.importing.ansible.sources import Folder, SourceFile
from reconciler.importing.hosts import Observed, ObservedFile
from reconciler.importing.proposals import ImportRefused

MAX_BYTES: Final = 8 << 20
"""Of one inventory or vars file."""
MAX_TOTAL_BYTES: Final = 256 << 20
MAX_FILES: Final = 20_000
MAX_DEPTH: Final = 16

MAX_HOST_FILES: Final = 500
MAX_HOST_FILE_BYTES: Final = 1 << 20
"""As much as a config repository takes."""
MAX_DATABASE_BYTES: Final = 4 << 20
"""passwd, group, and apt's list of what was installed on its own."""
_NUMBER: Final = re.compile("[0-9]{1,10}")


# an inventory


class _Budget:
    def __init__(self) -> None:
        self.files = MAX_FILES
        self.size = MAX_TOTAL_BYTES

    def take(self, size: int) -> None:
        self.files -= 1
        self.size -= size
        if self.files < 0 or self.size < 0:
            raise ImportRefused(f"more than {MAX_FILES} files or {MAX_TOTAL_BYTES >> 20} MiB belong to this inventory")


def inventory(path: Path) -> tuple[SourceFile | Folder, Folder]:
    """An inventory, and the directory in which its `group_vars` and `host_vars` stand.

    Raises:
        ImportRefused: it is not there, cannot be read, or goes beyond a limit.
    """
    budget = _Budget()
    try:
        if path.is_dir():
            folder = _folder(path, budget, ())
            return folder, folder
        return _file(path, budget), vars_beside(path.parent)
    except OSError as error:
        raise ImportRefused(f"{error.filename or path}: {error.strerror or error}") from error


def vars_beside(path: Path) -> Folder:
    """The `group_vars` and `host_vars` of a directory.

    Raises:
        ImportRefused: they cannot be read, or go beyond a limit.
    """
    budget = _Budget()
    try:
        return Folder(
            {name: _folder(path / name, budget, ()) for name in ("group_vars", "host_vars") if (path / name).is_dir()}
        )
    except OSError as error:
        raise ImportRefused(f"{error.filename or path}: {error.strerror or error}") from error


def _folder(path: Path, budget: _Budget, way: tuple[tuple[int, int], ...]) -> Folder:
    found = path.stat()
    here = (found.st_dev, found.st_ino)
    if here in way or len(way) >= MAX_DEPTH:
        raise ImportRefused(
            f"{path}: directories nested deeper than {MAX_DEPTH}, or a link that goes round in a circle"
        )
    entries: dict[str, Folder | SourceFile] = {}
    with os.scandir(path) as listing:
        for entry in listing:
            if entry.name == ".git":
                continue
            budget.take(0)
            below = Path(entry.path)
            if entry.is_dir():
                entries[entry.name] = _folder(below, budget, (*way, here))
            elif entry.is_file():
                entries[entry.name] = _file(below, budget)
    return Folder(entries)


def _file(path: Path, budget: _Budget) -> SourceFile:
    # Without O_NONBLOCK a FIFO would hold us until somebody writes to it.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise ImportRefused(f"{path} is no file")
        content = _read(fd, MAX_BYTES)
    finally:
        os.close(fd)
    if content is None:
        raise ImportRefused(f"{path}: more than {MAX_BYTES} bytes")
    budget.take(len(content))
    return SourceFile(content, bool(found.st_mode & 0o111))


def _read(fd: int, most: int) -> bytes | None:
    """All of an open file; None when there is more than `most`."""
    data = b""
    while chunk := os.read(fd, most + 1 - len(data)):
        data += chunk
        if len(data) > most:
            return None
    return data


# a host


def host(root: Path, paths: list[str]) -> Observed:
    """What files of a host say of it: the accounts' names, what apt installed on its own, and the files asked for.

    Args:
        root: what stands for the host's root directory.
        paths: absolute, on the host; a directory stands for the files below it.

    Raises:
        ImportRefused: a path is not absolute, or there are too many files.
    """
    top = _open(os.fspath(root), os.O_DIRECTORY)
    try:
        observed = Observed(groups={}, gecos={}, automatic=None)
        for name, number, _ in _records(top, "etc/group", 3):
            observed.groups[int(number)] = name
        users = {}
        for name, number, comment in _records(top, "etc/passwd", 5):
            users[int(number)] = name
            observed.gecos[name] = comment
        observed.automatic = _automatic(top)
        for path in paths:
            if not path.startswith("/"):
                raise ImportRefused(f"{path} is not absolute: a file is named by its path on the host")
            for file in _observed(top, os.path.normpath(path), users, observed.groups):
                if len(observed.files) >= MAX_HOST_FILES:
                    raise ImportRefused(f"more than {MAX_HOST_FILES} files were asked for")
                observed.files.append(file)
        return observed
    finally:
        os.close(top)


def _records(top: int, path: str, field: int) -> Iterator[tuple[str, str, str]]:
    """Name, id and one more field of each line of passwd or group."""
    for line in (_database(top, path) or "").splitlines():
        parts = line.split(":")
        if len(parts) >= max(field, 3) and _NUMBER.fullmatch(parts[2]):
            yield parts[0], parts[2], parts[field - 1]


def _automatic(top: int) -> frozenset[str] | None:
    """Packages that apt installed because others need them; None where apt keeps no such list."""
    text = _database(top, "var/lib/apt/extended_states")
    if text is None:
        return None
    found = set()
    for stanza in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line)
        if fields.get("Auto-Installed") == "1" and "Package" in fields:
            found.add(fields["Package"])
    return frozenset(found)


def _database(top: int, path: str) -> str | None:
    try:
        fd = _beneath(top, path)
    except OSError:
        return None
    try:
        content = _read(fd, MAX_DATABASE_BYTES) if stat.S_ISREG(os.fstat(fd).st_mode) else None
        return content.decode("utf-8", "replace") if content is not None else None
    finally:
        os.close(fd)


def _observed(top: int, path: str, users: dict[int, str], groups: dict[int, str]) -> Iterator[ObservedFile]:
    try:
        *above, name = path.strip("/").split("/")
        parent = _beneath(top, "/".join(above), os.O_DIRECTORY)
    except OSError as error:
        yield ObservedFile(path, refused=_why(error))
        return
    try:
        yield from _entry(parent, name, path, users, groups, 0)
    finally:
        os.close(parent)


def _entry(
    parent: int, name: str, path: str, users: dict[int, str], groups: dict[int, str], depth: int
) -> Iterator[ObservedFile]:
    try:
        found = os.lstat(name or ".", dir_fd=parent)
        owner = users.get(found.st_uid, str(found.st_uid))
        group = groups.get(found.st_gid, str(found.st_gid))
        mode = f"{stat.S_IMODE(found.st_mode):04o}"
        if stat.S_ISLNK(found.st_mode):
            yield ObservedFile(path, "symlink", target=os.readlink(name, dir_fd=parent))
        elif stat.S_ISDIR(found.st_mode):
            yield ObservedFile(path, "directory", mode, owner, group)
            yield from _below(parent, name, path, users, groups, depth)
        elif stat.S_ISREG(found.st_mode):
            fd = _openat(parent, name, os.O_NONBLOCK)
            try:
                content = _read(fd, MAX_HOST_FILE_BYTES) if stat.S_ISREG(os.fstat(fd).st_mode) else None
            finally:
                os.close(fd)
            if content is None:
                yield ObservedFile(path, refused=f"more than {MAX_HOST_FILE_BYTES} bytes")
            else:
                yield ObservedFile(path, "file", mode, owner, group, content)
        else:
            yield ObservedFile(path, refused="neither a file, a directory nor a symbolic link")
    except OSError as error:
        yield ObservedFile(path, refused=_why(error))


def _below(
    parent: int, name: str, path: str, users: dict[int, str], groups: dict[int, str], depth: int
) -> Iterator[ObservedFile]:
    if depth >= MAX_DEPTH:
        yield ObservedFile(f"{path}/...", refused=f"nested deeper than {MAX_DEPTH}")
        return
    fd = _openat(parent, name or ".", os.O_DIRECTORY)
    try:
        for each in sorted(os.listdir(fd)):  # noqa: PTH208 - of an open directory, whatever its name leads to by now
            yield from _entry(fd, each, f"{path.rstrip('/')}/{each}", users, groups, depth + 1)
    finally:
        os.close(fd)


def _why(error: OSError) -> str:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return "a directory on the way is a symbolic link, or none: give the path that it really has"
    return error.strerror or str(error)


def _open(path: str, flags: int) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    except OSError as error:
        raise ImportRefused(f"{path}: {error.strerror}") from error


def _openat(parent: int, name: str, flags: int) -> int:
    return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=parent)


def _beneath(top: int, path: str, flags: int = 0) -> int:
    """Open a path below an open directory, component by component, through no symbolic link."""
    fd = os.dup(top)
    parts = [part for part in path.split("/") if part]
    for at, part in enumerate(parts):
        try:
            below = _openat(fd, part, os.O_NONBLOCK | (flags if at == len(parts) - 1 else os.O_DIRECTORY))
        finally:
            os.close(fd)
        fd = below
    return fd

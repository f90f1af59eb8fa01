"""The tree of a plain directory: what `vigo validate` sees before anything is staged.

Opened component by component beneath the root and never through a symbolic link, so that a directory which changes
while it is read can hide files but never lead out of itself.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from reconciler.repository import listing
from reconciler.repository.faults import RepositoryDamaged, RepositoryNotFound, TreeRefused
from reconciler.repository.listing import (
    DIRECTORY,
    EXECUTABLE,
    FILE,
    LINK,
    MAX_FILE_BYTES,
    MAX_FILES,
    ListedTree,
    Listing,
    Row,
)
from reconciler.repository.names import MAX_DEPTH, printable

_OTHER: Final = 0
"""Mode of what git has no mode for; it is part of the id all the same, so that equal ids mean equal refusals."""


class DirectoryTree(ListedTree):
    """The files of a directory as they were when it was listed, `.git` left aside. `commit` is None.

    `id` is what git would give a commit of all of it (no ignore rules, no filters), so long as nothing is refused that
    git could not hold either.
    """


class DirectoryReader:
    """One pass over a directory. Keeps where each blob stands, not its bytes."""

    def __init__(self, root: Path) -> None:
        self._root: Final = root
        self._paths: Final[dict[str, bytes]] = {}
        self._sizes: Final[dict[str, int]] = {}
        self._listings: Final[dict[str, Listing]] = {}
        self._seen = 0

    def tree(self) -> DirectoryTree:
        """List it.

        Raises:
            RepositoryNotFound: there is no such directory.
            TreeRefused: more than `MAX_FILES` files.
        """
        try:
            root = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise RepositoryNotFound(f"{self._root} is not a directory we can read: {error.strerror}") from error
        return DirectoryTree(self._scan(root, b"", 1), None, self._listings.__getitem__, self.read)

    def read(self, oid: str) -> bytes:
        """The bytes of a file that was listed.

        Raises:
            RepositoryDamaged: it has changed since, or was never listed.
        """
        path = self._paths.get(oid)
        if path is None:
            raise RepositoryDamaged(f"no file with id {oid} was listed in {self._root}", object=oid)
        try:
            parent = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            *above, name = path.split(b"/")
            for part in above:
                parent = _descend(parent, part)
            try:
                data = _read(parent, name)
            finally:
                os.close(parent)
        except OSError as error:
            raise RepositoryDamaged(f"{printable(path)} cannot be read any more: {error.strerror}") from error
        if data is None or listing.blob_id(data) != oid:
            raise RepositoryDamaged(f"{printable(path)} changed while it was being read")
        return data

    def _scan(self, fd: int, prefix: bytes, depth: int) -> str:
        """List an open directory, close it, and give its tree id."""
        rows: list[Row] = []
        good: list[Row] = []
        refused: list[tuple[str, str]] = []
        try:
            for name in sorted(os.fsencode(entry) for entry in os.listdir(fd)):
                if depth == 1 and name == b".git":
                    continue
                self._seen += 1
                if self._seen > 2 * MAX_FILES:
                    raise TreeRefused(f"more than {MAX_FILES} files or directories in {self._root}")
                row = self._row(fd, name, prefix, depth)
                if isinstance(row, str):
                    refused.append((printable(name), row))
                    rows.append(Row(_OTHER, name, listing.blob_id(row.encode())))
                elif row is not None:
                    rows.append(row)
                    good.append(row)
        finally:
            os.close(fd)
        rows.sort(key=listing.order)
        good.sort(key=listing.order)
        oid = listing.tree_id(rows)
        checked = listing.check(good, self._sizes.get)
        self._listings[oid] = checked._replace(refused=checked.refused + tuple(refused))
        return oid

    def _row(self, fd: int, name: bytes, prefix: bytes, depth: int) -> Row | str | None:
        """What stands at a name: a row, why there is none, or None for an empty directory, which git does not keep."""
        try:
            found = os.lstat(name, dir_fd=fd)
            if stat.S_ISDIR(found.st_mode):
                if depth >= MAX_DEPTH:
                    return f"nested deeper than {MAX_DEPTH}"
                oid = self._scan(_openat(fd, name, os.O_DIRECTORY), prefix + name + b"/", depth + 1)
                return Row(DIRECTORY, name, oid) if oid != listing.tree_id(()) else None
            if stat.S_ISLNK(found.st_mode):
                return Row(LINK, name, listing.blob_id(os.readlink(name, dir_fd=fd)))
            if not stat.S_ISREG(found.st_mode):
                return "neither a file nor a directory"
            data = _read(fd, name)
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        if data is None:
            return f"{found.st_size} bytes; a file may have {MAX_FILE_BYTES}"
        oid = listing.blob_id(data)
        self._paths.setdefault(oid, prefix + name)
        self._sizes[oid] = len(data)
        return Row(EXECUTABLE if found.st_mode & stat.S_IXUSR else FILE, name, oid)


def _read(parent: int, name: bytes) -> bytes | None:
    """A regular file's bytes; None when there are more than `MAX_FILE_BYTES`."""
    # Without O_NONBLOCK a FIFO put there since the lstat would hold us until somebody writes to it.
    with open(_openat(parent, name, os.O_NONBLOCK), "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(0, "not a regular file")
        data = b""
        while chunk := file.read(MAX_FILE_BYTES + 1 - len(data)):
            data += chunk
    return data if len(data) <= MAX_FILE_BYTES else None


def _openat(parent: int, name: bytes, flags: int) -> int:
    return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=parent)


def _descend(parent: int, name: bytes) -> int:
    try:
        return _openat(parent, name, os.O_DIRECTORY)
    finally:
        os.close(parent)

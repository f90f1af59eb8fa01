"""Trees that an editor works on: a folder, listed again quickly when something in it may have changed, and what is
typed but not saved on top of it. Nothing here needs a particular operating system.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from reconciler.repository import listing
from reconciler.repository.faults import RepositoryDamaged, RepositoryNotFound, TreeRefused
from reconciler.repository.listing import DIRECTORY, EXECUTABLE, FILE, LINK, MAX_FILES, ListedTree, Listing, Row
from reconciler.repository.names import MAX_DEPTH, printable
from reconciler.repository.trees import Entry, Tree

_RECENT_NS: Final = 2_000_000_000
"""A file that was written so shortly before it was read may be written again without its time showing it."""


class _Seen(NamedTuple):
    size: int
    mtime_ns: int
    inode: int
    oid: str
    read_ns: int


class Folder:
    """A directory. What has not changed since the last listing, by its size and time, is not read again."""

    def __init__(self, root: Path) -> None:
        self.root: Final = root
        self._seen: dict[str, _Seen] = {}
        self._fresh: dict[str, _Seen] = {}
        self._places: dict[str, str] = {}
        self._listings: dict[str, Listing] = {}
        self._count = 0

    def tree(self) -> Tree:
        """The files as they are now. Equal, id and all, to what `repository.directory` gives.

        Raises:
            RepositoryNotFound: there is no such directory.
            TreeRefused: more than `MAX_FILES` files.
        """
        self._fresh, self._places, self._listings, self._count = {}, {}, {}, 0
        try:
            root = self._scan(self.root, "", 1)
        except OSError as error:
            raise RepositoryNotFound(f"{self.root} is not a directory we can read: {error.strerror}") from error
        self._seen = self._fresh
        places = self._places
        return ListedTree(root, None, self._listings.__getitem__, lambda oid: self._read(oid, places))

    def _read(self, oid: str, places: Mapping[str, str]) -> bytes:
        try:
            data = (self.root / places[oid]).read_bytes()
        except (OSError, KeyError) as error:
            raise RepositoryDamaged(f"{places.get(oid, oid)} cannot be read any more") from error
        if listing.blob_id(data) != oid:
            raise RepositoryDamaged(f"{places[oid]} changed since it was listed")
        return data

    def _scan(self, directory: Path, prefix: str, depth: int) -> str:
        rows: list[Row] = []
        good: list[Row] = []
        refused: list[tuple[str, str]] = []
        sizes: dict[str, int] = {}
        with os.scandir(directory) as entries:
            found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
        for entry in found:
            if depth == 1 and entry.name == ".git":
                continue
            self._count += 1
            if self._count > 2 * MAX_FILES:
                raise TreeRefused(f"more than {MAX_FILES} files or directories in {self.root}")
            name = os.fsencode(entry.name)
            row = self._row(entry, name, prefix, depth, sizes)
            if isinstance(row, str):
                refused.append((printable(name), row))
                rows.append(Row(0, name, listing.blob_id(row.encode())))
            elif row is not None:
                rows.append(row)
                good.append(row)
        rows.sort(key=listing.order)
        good.sort(key=listing.order)
        oid = listing.tree_id(rows)
        checked = listing.check(good, sizes.get)
        self._listings[oid] = Listing(checked.children, checked.refused + tuple(refused))
        return oid

    def _row(
        self, entry: os.DirEntry[str], name: bytes, prefix: str, depth: int, sizes: dict[str, int]
    ) -> Row | str | None:
        try:
            if entry.is_symlink():
                return Row(LINK, name, listing.blob_id(os.fsencode(Path(entry.path).readlink())))
            if entry.is_dir(follow_symlinks=False):
                if depth >= MAX_DEPTH:
                    return f"nested deeper than {MAX_DEPTH}"
                oid = self._scan(Path(entry.path), f"{prefix}{entry.name}/", depth + 1)
                return Row(DIRECTORY, name, oid) if oid != listing.tree_id(()) else None
            found = entry.stat(follow_symlinks=False)
            if not stat.S_ISREG(found.st_mode):
                return "neither a file nor a directory"
            if found.st_size > listing.MAX_FILE_BYTES:
                return f"{found.st_size} bytes; a file may have {listing.MAX_FILE_BYTES}"
            oid = self._oid(entry, prefix + entry.name, found)
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        sizes[oid] = self._fresh[prefix + entry.name].size
        return Row(EXECUTABLE if found.st_mode & stat.S_IXUSR else FILE, name, oid)

    def _oid(self, entry: os.DirEntry[str], path: str, found: os.stat_result) -> str:
        seen = self._seen.get(path)
        same = seen is not None and seen[:3] == (found.st_size, found.st_mtime_ns, found.st_ino)
        if seen is None or not same or seen.read_ns - seen.mtime_ns < _RECENT_NS:
            now = time.time_ns()
            data = Path(entry.path).read_bytes()
            seen = _Seen(len(data), found.st_mtime_ns, found.st_ino, listing.blob_id(data), now)
        self._fresh[path] = seen
        self._places.setdefault(seen.oid, path)
        return seen.oid


class Overlaid:
    """A tree with some files replaced or added: `trees.Tree`."""

    def __init__(self, below: Tree, files: Mapping[str, bytes]) -> None:
        self._below: Final = below
        self._files: Final = {listing.blob_id(data): data for data in files.values()}
        entries = dict(below.entries())
        came = False
        for path, data in files.items():
            entry = Entry(listing.blob_id(data), len(data))
            came = came or path not in entries
            if entries.get(path) != entry:
                entries[path] = entry
        self._entries: Final = dict(sorted(entries.items())) if came else entries
        self._refused: Final = {path: why for path, why in below.refused().items() if path not in files}
        told = repr((below.id, sorted((path, entries[path].oid) for path in files)))
        self.id: Final = hashlib.sha1(told.encode(), usedforsecurity=False).hexdigest()
        self.commit: Final[str | None] = None

    def entries(self) -> Mapping[str, Entry]:
        """Path → entry, in path order."""
        return MappingProxyType(self._entries)

    def subtrees(self) -> Mapping[str, str]:
        """The root alone: what is below is not told apart."""
        return {"": self.id}

    def refused(self) -> Mapping[str, str]:
        """Path → why it is not read."""
        return self._refused

    def read(self, oid: str) -> bytes:
        """The bytes of a blob."""
        found = self._files.get(oid)
        return found if found is not None else self._below.read(oid)

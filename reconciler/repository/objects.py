"""Objects of a repository, read by id and within bounds: no object is opened before its size is known.

Trees are read from their raw bytes, since libgit2 hides names that are not UTF-8 and modes it does not know, and those
are what a hostile tree is made of. Listings are kept by tree id: a commit that touches one file re-reads only the
directories above it.
"""

from __future__ import annotations

import os
import re
import stat
import time
from itertools import chain
from pathlib import Path
from typing import Final

import pygit2
from pygit2.enums import ObjectType

from reconciler.repository import listing
from reconciler.repository.faults import RepositoryDamaged, TreeRefused
from reconciler.repository.listing import MAX_FILE_BYTES, MAX_FILES, ListedTree, Listing, Row
from reconciler.repository.packs import MAX_CHAIN_BYTES, Packs
from reconciler.repository.trust import common_directory

MAX_TREE_BYTES: Final = 16 * 1024 * 1024
"""One directory of 100,000 files with names of 130 bytes."""
KEPT_NAMES: Final = 4 * MAX_FILES
"""How many names the listings kept may hold together, before all are dropped: about 100 MiB."""

_LOOSE_BYTES: Final = 4096
"""What an object's file may have beyond the object."""

_FRESH_S: Final = 0.02
"""For so long what had no directory has no file of its own: between a look and libgit2's reading there is always some
time, and it reads what is in a pack from there."""
_ROW: Final = re.compile(rb"([0-7]{5,6}) ([^\0]*)\0(.{20})", re.DOTALL)


class CommitTree(ListedTree):
    """The files of a commit. Two of one commit, or of commits with one tree, have the same `id`."""


class Objects:
    """The object database of one repository. Safe to read from several threads."""

    def __init__(self, git: pygit2.Repository) -> None:
        self._odb: Final = git.odb
        self._place: Final = common_directory(Path(git.path)) / "objects"
        self.packs: Final = Packs(self._place)
        self._listings: Final[dict[str, Listing]] = {}
        self._sizes: Final[dict[str, int]] = {}
        self._latest: CommitTree | None = None
        self._directories: frozenset[str] = frozenset()
        self._looked_at = -_FRESH_S

    def __len__(self) -> int:
        """How many directories are kept."""
        return len(self._listings)

    def header(self, oid: str) -> tuple[int, int]:
        """Type (`ObjectType`) and size in bytes of an object, without reading it.

        Raises:
            RepositoryDamaged: it is missing or cannot be read.
        """
        self._stored(oid)
        try:
            return self._odb.read_header(oid)
        except (KeyError, ValueError, OSError, pygit2.GitError) as error:
            raise RepositoryDamaged(f"object {oid} cannot be read: {error}", object=oid) from error

    def require(self, oid: str, kind: ObjectType, limit: int) -> None:
        """Make sure that an object can be read: by us, or by libgit2 for itself.

        Raises:
            RepositoryDamaged: it is missing, or of another type.
            TreeRefused: it is larger than `limit` bytes, or takes too much to read.
        """
        size = self._sizes.get(oid) if kind == ObjectType.BLOB else None
        if size is None:
            found, size = self.header(oid)
            if found != kind:
                raise RepositoryDamaged(f"object {oid} is not a {kind.name.lower()}", object=oid)
        if size > limit:
            raise TreeRefused(f"object {oid} has {size} bytes; the limit is {limit}", object=oid, size_bytes=size)
        self._check_stored(oid, size)

    def read(self, oid: str, kind: ObjectType, limit: int) -> bytes:
        """The bytes of an object.

        Raises:
            RepositoryDamaged: as `require`, or its bytes do not give its id.
            TreeRefused: as `require`.
        """
        self.require(oid, kind, limit)
        try:
            _, data = self._odb.read(oid)
        except (KeyError, ValueError, OSError, pygit2.GitError) as error:
            raise RepositoryDamaged(f"object {oid} cannot be read: {error}", object=oid) from error
        return data

    def _check_stored(self, oid: str, size: int) -> None:
        """Refuse what would take far more to read than it is: by its header alone it may look harmless."""
        if oid in self.packs.heavy:
            raise TreeRefused(
                f"object {oid} is stored as a difference from others, more than {MAX_CHAIN_BYTES} bytes in all;"
                " `git repack -adF` stores it anew",
                object=oid,
            )
        stored = self._stored(oid)
        # A file that is whole in itself is read whole, however little of it is the object; zlib adds 5 bytes in 16 KiB.
        if stored > size + size // 1000 + _LOOSE_BYTES:
            raise RepositoryDamaged(f"object {oid} has {size} bytes and its file {stored}", object=oid)

    def _stored(self, oid: str) -> int:
        """Bytes of the file that an object has to itself; 0 where it has none."""
        now = time.monotonic()
        if now - self._looked_at > _FRESH_S:
            try:
                self._directories = frozenset(os.listdir(self._place))  # noqa: PTH208 - names are all that is asked
            except OSError:
                return self._file_size(oid)
            self._looked_at = now
        # In a repository that is packed, as a clone is, there is no directory for it: 10,000 calls to the system less.
        return self._file_size(oid) if oid[:2] in self._directories else 0

    def _file_size(self, oid: str) -> int:
        try:
            found = os.stat(f"{self._place}/{oid[:2]}/{oid[2:]}")  # noqa: PTH116 - a Path takes twice the time
        except OSError:
            return 0
        if not stat.S_ISREG(found.st_mode):
            raise RepositoryDamaged(f"object {oid} is no file", object=oid)
        return found.st_size

    def blob(self, oid: str) -> bytes:
        """The bytes of a blob, at most `MAX_FILE_BYTES`.

        Raises:
            RepositoryDamaged, TreeRefused: as `read`.
        """
        return self.read(oid, ObjectType.BLOB, MAX_FILE_BYTES)

    def blob_size(self, oid: str) -> int | None:
        """Bytes of a blob; None when the object is something else.

        Raises:
            RepositoryDamaged: as `header`.
        """
        size = self._sizes.get(oid)
        if size is None:
            kind, size = self.header(oid)
            if kind != ObjectType.BLOB:
                return None
            self._sizes[oid] = size
        return size

    def rows(self, oid: str) -> list[Row]:
        """The lines of a tree object.

        Raises:
            TreeRefused: not in the form and order that git gives a tree.
            RepositoryDamaged: as `read`.
        """
        return parse_rows(oid, self.read(oid, ObjectType.TREE, MAX_TREE_BYTES))

    def listing(self, oid: str) -> Listing:
        """One directory by its tree id, from memory where it has been read before.

        Raises:
            RepositoryDamaged, TreeRefused: as `rows`.
        """
        known = self._listings.get(oid)
        if known is None:
            known = self._listings[oid] = listing.check(self.rows(oid), self.blob_size)
        return known

    def find(self, tree_id: str, path: str) -> Row | None:
        """The row of what is no directory at a path below a tree; None where there is none.

        Raises:
            RepositoryDamaged, TreeRefused: as `rows`.
        """
        *above, last = path.encode().split(b"/")
        for part in above:
            below = self._child(tree_id, part)
            if below is None or below.mode != listing.DIRECTORY:
                return None
            tree_id = below.oid
        found = self._child(tree_id, last)
        return found if found is not None and found.mode != listing.DIRECTORY else None

    def _child(self, tree_id: str, name: bytes) -> Row | None:
        return next((row for row in self.rows(tree_id) if row.name == name), None)

    def tree(self, tree_id: str, commit: str | None) -> CommitTree:
        """The tree of a commit.

        Raises:
            RepositoryDamaged, TreeRefused: as `rows`, or beyond the limits of `ListedTree`.
        """
        if len(self._sizes) + len(self._listings) > KEPT_NAMES:
            self._listings.clear()
            self._sizes.clear()
        self._latest = made = CommitTree(tree_id, commit, self.listing, self.blob, like=self._latest)
        return made


def parse_rows(oid: str, data: bytes) -> list[Row]:
    """The lines of a tree object, from its bytes.

    Raises:
        TreeRefused: not in the form and order that git gives a tree.
    """
    found = _ROW.findall(data)
    if len(found) > MAX_FILES:
        raise TreeRefused(f"tree {oid} has more than {MAX_FILES} entries", object=oid)
    # The two separators of each row are in no group: what is left over was matched by nothing.
    if sum(map(len, chain.from_iterable(found))) + 2 * len(found) != len(data):
        raise TreeRefused(f"tree {oid} is malformed", object=oid)
    rows = [Row(int(mode, 8), name, raw.hex()) for mode, name, raw in found]
    keys = [listing.order(row) for row in rows]
    if keys != sorted(keys) or len({row.name for row in rows}) != len(rows):
        raise TreeRefused(f"tree {oid} has entries out of order or twice", object=oid)
    return rows

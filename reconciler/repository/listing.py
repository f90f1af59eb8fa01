"""Listings: one directory's rows, checked, and the tree that a directory of listings makes.

A commit, the index and a directory differ in where rows come from and in nothing else: what a name may be, what is left
out and which limits hold is decided here, once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar, cast

from reconciler.overlays import overlaid
from reconciler.repository import names
from reconciler.repository.faults import TreeRefused
from reconciler.repository.trees import Entry

_V = TypeVar("_V")

MAX_FILE_BYTES: Final = 1024 * 1024
MAX_FILES: Final = 100_000
MAX_DIRECTORIES: Final = MAX_FILES
MAX_NAMES_BYTES: Final = 64 * 1024 * 1024
"""Of all names and ids. One entry may have a name of 16 MiB: it is refused, but the time to read it is spent, and a
pack of 30 MB can hold two thousand such."""
MAX_TOTAL_BYTES: Final = 1024 * 1024 * 1024
"""Of all files."""
_ROW_BYTES: Final = 28
"""Of a line of a tree, beside the name."""

DIRECTORY: Final = 0o040000
LINK: Final = 0o120000
SUBMODULE: Final = 0o160000
FILE: Final = 0o100644
EXECUTABLE: Final = 0o100755
REGULAR: Final = frozenset({FILE, EXECUTABLE, 0o100664, 0o100600})
"""git has written 0100664 once; some importers 0100600."""
UNREAD: Final = {LINK: "symbolic link", SUBMODULE: "submodules are unsupported"}


class Row(NamedTuple):
    """One line of a tree, as it stands there."""

    mode: int
    name: bytes
    oid: str


class Listing(NamedTuple):
    """One directory, checked. A child that is text is the tree id of a directory."""

    children: tuple[tuple[str, Entry | str], ...]
    refused: tuple[tuple[str, str], ...]
    size: int = 0
    """Bytes of its names and ids."""


def check(rows: Iterable[Row], size_of: Callable[[str], int | None]) -> Listing:
    """The listing of a directory.

    Args:
        rows: in git's order.
        size_of: blob id → bytes, None when the object is no blob.
    """
    children: list[tuple[str, Entry | str]] = []
    refused: list[tuple[str, str]] = []
    length = 0
    for mode, name, oid in rows:
        length += len(name) + _ROW_BYTES
        reason = names.refusal(name)
        if reason is not None:
            refused.append((names.printable(name), reason))
        elif mode == DIRECTORY:
            children.append((name.decode(), oid))
        elif mode not in REGULAR:
            refused.append((name.decode(), UNREAD.get(mode, f"mode {mode:o} is unknown")))
        else:
            size = size_of(oid)
            if size is None:
                refused.append((name.decode(), "not a file's content"))
            elif size > MAX_FILE_BYTES:
                refused.append((name.decode(), f"{size} bytes; a file may have {MAX_FILE_BYTES}"))
            else:
                children.append((name.decode(), Entry(oid, size)))
    alike = names.collisions([name for name, _ in children])
    if alike:
        refused += [(name, f"the same as {other!r} where case or form is ignored") for name, other in alike.items()]
        children = [child for child in children if child[0] not in alike]
    return Listing(tuple(children), tuple(refused), length)


def order(row: Row) -> bytes:
    """The key git sorts a tree by: directories as if their names ended in `/`."""
    return row.name + b"/" if row.mode == DIRECTORY else row.name


def blob_id(data: bytes) -> str:
    """Git's id of a blob (hex). SHA-1 names objects here; what is deployed is named by SHA-256."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def tree_bytes(rows: Iterable[Row]) -> bytes:
    """The tree object with these rows, which are in git's order."""
    return b"".join(b"%o %b\0" % (row.mode, row.name) + bytes.fromhex(row.oid) for row in rows)


def tree_id(rows: Iterable[Row]) -> str:
    """Git's id of a tree with these rows, which are in git's order."""
    data = tree_bytes(rows)
    return hashlib.sha1(b"tree %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


class ListedTree:
    """A tree made of listings: `trees.Tree`. All is listed when it is made; only `read` touches anything afterwards.

    Args:
        root: tree id.
        commit: hex, or None.
        listing: tree id → listing.
        read: blob id → bytes.
        refused: path → why, for what stands in no listing.
        like: a tree of the same repository; only directories that differ from its are looked at.

    Raises:
        TreeRefused: more than `MAX_FILES` files or `MAX_DIRECTORIES` directories, or more than `MAX_NAMES_BYTES` or
            `MAX_TOTAL_BYTES` of them.
    """

    def __init__(
        self,
        root: str,
        commit: str | None,
        listing: Callable[[str], Listing],
        read: Callable[[str], bytes],
        refused: Mapping[str, str] | None = None,
        like: ListedTree | None = None,
    ) -> None:
        self.id: Final = root
        self.commit: Final = commit
        self.read: Final = read
        self._listing: Final = listing
        self._entries: dict[str, Entry] = {}
        self._subtrees: dict[str, str] = {"": root}
        self._refused: dict[str, str] = dict(refused or {})
        self._visited = 0
        self._names_bytes = 0
        self._total_bytes = 0
        if like is None or refused or not self._adapt(like):
            self._walk(root, "", 1)
            if self._total_bytes > MAX_TOTAL_BYTES:
                raise TreeRefused(f"files of more than {MAX_TOTAL_BYTES} bytes in all", tree=root)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r}, commit={self.commit!r}, files={len(self._entries)})"

    def entries(self) -> Mapping[str, Entry]:
        """Path → entry, in path order."""
        return MappingProxyType(self._entries)

    def subtrees(self) -> Mapping[str, str]:
        """Directory path → tree id; "" is the root."""
        return MappingProxyType(self._subtrees)

    def refused(self) -> Mapping[str, str]:
        """Path → why it is not read."""
        return MappingProxyType(self._refused)

    def changes(self, since: ListedTree) -> frozenset[str]:
        """Paths of the files that only one of two trees has, or that have other bytes in it."""
        now, then = self._entries, since._entries
        if self.id == since.id:
            return frozenset()
        changed: set[str] = set()
        self._compare(since, since.id, self.id, "", changed)
        return frozenset(path for path in changed if now.get(path) != then.get(path))

    def _compare(self, since: ListedTree, old: str | None, new: str | None, prefix: str, changed: set[str]) -> None:
        """Collect what is not the same in two directories, of which one may not be there."""
        before = dict(since._listing(old).children) if old is not None else {}
        for name, child in self._listing(new).children if new is not None else ():
            was = before.pop(name, None)
            if was != child:
                self._differs(since, was, child, prefix + name, changed)
        for name, was in before.items():
            self._differs(since, was, None, prefix + name, changed)

    def _differs(
        self, since: ListedTree, was: Entry | str | None, child: Entry | str | None, path: str, changed: set[str]
    ) -> None:
        if isinstance(was, Entry) or isinstance(child, Entry):
            changed.add(path)
        old = was if isinstance(was, str) and path in since._subtrees else None
        new = child if isinstance(child, str) and path in self._subtrees else None
        if old is not None or new is not None:
            self._compare(since, old, new, path + "/", changed)

    def _adapt(self, like: ListedTree) -> bool:
        """Take over what another tree of the repository lists, but for what differs; False where all is to be listed.

        Limits are held by the whole walk alone, so whatever could touch one goes there.
        """
        if like._size() > MAX_FILES - MAX_FILES // 10:
            return False
        self._names_bytes, self._total_bytes = like._names_bytes, like._total_bytes
        gone = _Gone(set(), set(), set())
        try:
            adapted = like.id == self.id or self._follow(like, gone, like.id, self.id, "", 1)
        except TreeRefused:
            adapted = False
        if adapted:
            # Nothing writes to these any more once a tree is made.
            self._entries = cast("dict[str, Entry]", _over(like._entries, self._entries, gone.files))
            self._subtrees = cast("dict[str, str]", _over(like._subtrees, self._subtrees, gone.directories))
            self._refused = cast("dict[str, str]", _over(like._refused, self._refused, gone.refused))
            adapted = (
                self._size() <= MAX_FILES
                and self._names_bytes <= MAX_NAMES_BYTES
                and self._total_bytes <= MAX_TOTAL_BYTES
            )
        if not adapted:
            self._entries, self._subtrees, self._refused, self._visited = {}, {"": self.id}, {}, 0
            self._names_bytes = self._total_bytes = 0
        return adapted

    def _size(self) -> int:
        return len(self._entries) + len(self._subtrees) + len(self._refused)

    def _follow(self, like: ListedTree, gone: _Gone, old: str, new: str, prefix: str, depth: int) -> bool:
        """Collect what is new in one directory and what is gone; False where it is not worth following."""
        before, now = like._listing(old), self._listing(new)
        self._names_bytes += now.size - before.size
        gone.refused.update(prefix + name for name, _ in before.refused)
        left = dict(before.children)
        for name, child in now.children:
            was = left.pop(name, None)
            if was != child and not self._take(like, gone, was, child, prefix + name, depth):
                return False
        for name, was in left.items():
            self._forget(like, gone, was, prefix + name)
        self._refused.update((prefix + name, reason) for name, reason in now.refused)
        return True

    def _take(
        self, like: ListedTree, gone: _Gone, was: Entry | str | None, child: Entry | str, path: str, depth: int
    ) -> bool:
        """Collect one file or directory that is new or not as it was."""
        if len(path) > names.MAX_PATH_CHARS or depth >= names.MAX_DEPTH:
            return False
        if isinstance(was, str) and isinstance(child, str):
            self._subtrees[path] = child
            return self._follow(like, gone, was, child, path + "/", depth + 1)
        if was is not None:
            self._forget(like, gone, was, path)
        if isinstance(child, str):
            self._subtrees[path] = child
            self._walk(child, path + "/", depth + 1)
        else:
            self._entries[path] = child
            self._total_bytes += child.size or 0
        return True

    def _forget(self, like: ListedTree, gone: _Gone, was: Entry | str, path: str) -> None:
        """Let go of a file, or of a directory and all below."""
        if isinstance(was, Entry) and path in like._entries:
            gone.files.add(path)
            self._total_bytes -= was.size or 0
        elif isinstance(was, str) and path in like._subtrees:
            gone.directories.add(path)
            listing = like._listing(was)
            self._names_bytes -= listing.size
            gone.refused.update(f"{path}/{name}" for name, _ in listing.refused)
            for name, child in listing.children:
                self._forget(like, gone, child, f"{path}/{name}")
        else:
            gone.refused.add(path)

    def _walk(self, oid: str, prefix: str, depth: int) -> None:
        # Counted before descending: ten directories in each of ten, all one object, are 10**10 files in ten objects.
        self._visited += 1
        listing = self._listing(oid)
        self._names_bytes += listing.size
        if self._names_bytes > MAX_NAMES_BYTES:
            raise TreeRefused(f"names of files and directories of more than {MAX_NAMES_BYTES} bytes", tree=self.id)
        room = MAX_FILES - len(self._entries) - len(self._refused)
        if self._visited > MAX_DIRECTORIES or len(listing.children) + len(listing.refused) > room:
            raise TreeRefused(f"more than {MAX_FILES} files or directories", tree=self.id)
        for name, reason in listing.refused:
            self._refused[prefix + name] = reason
        entries = self._entries
        may_be_long = len(prefix) + names.MAX_NAME_BYTES > names.MAX_PATH_CHARS
        for name, child in listing.children:
            path = prefix + name
            if may_be_long and len(path) > names.MAX_PATH_CHARS:
                self._refused[path] = f"path longer than {names.MAX_PATH_CHARS} characters"
            elif not isinstance(child, str):
                entries[path] = child
                self._total_bytes += child.size or 0
            elif depth >= names.MAX_DEPTH:
                self._refused[path] = f"nested deeper than {names.MAX_DEPTH}"
            else:
                self._subtrees[path] = child
                self._walk(child, path + "/", depth + 1)


class _Gone(NamedTuple):
    """Paths of what another tree lists, some of which may stand for something else now."""

    files: set[str]
    directories: set[str]
    refused: set[str]


def _over(before: Mapping[str, _V], fresh: Mapping[str, _V], gone: set[str]) -> Mapping[str, _V]:
    return overlaid(before, fresh, gone.difference(fresh))

"""Trees: one port for a commit, the index (for the hook) and a directory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """One regular file of a tree."""

    oid: str
    """Git's id of the blob (hex): equal ids, equal bytes. The key of every cache of what a file means."""
    size: int | None
    """Bytes, where the tree knows it without reading."""


class Tree(Protocol):
    """A tree of files, read only. The same `id` always means the same files."""

    @property
    def id(self) -> str:
        """Git's id of the tree (hex)."""
        ...

    @property
    def commit(self) -> str | None:
        """Hex of the commit it belongs to; None for the index or a directory."""
        ...

    def entries(self) -> Mapping[str, Entry]:
        """Path (with `/`, relative) → entry, in path order. Links and submodules are left out: see `refused`."""
        ...

    def subtrees(self) -> Mapping[str, str]:
        """Directory path ("" is the root) → tree id (hex): equal ids, equal files below."""
        ...

    def refused(self) -> Mapping[str, str]:
        """Path → why it is not read: symbolic link, submodule, forbidden name, not UTF-8."""
        ...

    def read(self, oid: str) -> bytes:
        """The bytes of a blob."""
        ...

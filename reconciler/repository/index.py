"""The tree that the next commit would have: the index, as `git commit` sees it in its hook. Nothing is written."""

from __future__ import annotations

import os
from pathlib import Path

import pygit2
from pygit2.ffi import ffi

from reconciler.repository import listing
from reconciler.repository.faults import RepositoryDamaged, TreeRefused
from reconciler.repository.listing import DIRECTORY, MAX_FILES, ListedTree, Listing, Row
from reconciler.repository.names import MAX_DEPTH, printable
from reconciler.repository.objects import Objects
from reconciler.repository.trust import MAX_INDEX_BYTES, require_file

_Directory = dict[bytes, "_Row | _Directory"]
_Row = tuple[int, str]
"""Mode and object id."""


class IndexTree(ListedTree):
    """What is staged. `commit` is None; `id` is the tree that `git write-tree` would write.

    Paths with a merge conflict are refused and left out of the ids.
    """


def read_index(path: Path, objects: Objects) -> IndexTree:
    """The tree of an index file; of no file, the empty tree.

    Raises:
        RepositoryDamaged: not an index we can read, or a staged blob is missing.
        TreeRefused: beyond the limits.
    """
    root: _Directory = {}
    refused: dict[str, str] = {}
    require_file(path, MAX_INDEX_BYTES)
    try:
        index = _Index(str(path))
        if len(index) > MAX_FILES:
            raise TreeRefused(f"more than {MAX_FILES} files in the index")
        conflicts = _conflicts(index)
        for entry in index:
            name = os.fsencode(entry.path)
            if name in conflicts:
                refused[printable(name)] = "merge conflict"
            elif name.count(b"/") >= MAX_DEPTH:
                refused[printable(name)] = f"nested deeper than {MAX_DEPTH}"
            else:
                _put(root, name, (int(entry.mode), str(entry.id)))
    except (pygit2.GitError, OSError, ValueError) as error:
        raise RepositoryDamaged(f"the index cannot be read: {error}") from error
    listings: dict[str, Listing] = {}
    return IndexTree(_collect(root, objects, listings), None, listings.__getitem__, objects.blob, refused)


class _Index(pygit2.Index):
    # pygit2 frees this even where opening failed and it was never set; NULL may be freed.
    _index = ffi.NULL


def _conflicts(index: pygit2.Index) -> set[bytes]:
    # pygit2 has no collection at all where there is no conflict.
    return {os.fsencode(side.path) for sides in index.conflicts or () for side in sides if side is not None}


def _put(root: _Directory, path: bytes, row: _Row) -> None:
    *above, name = path.split(b"/")
    directory = root
    for part in above:
        below = directory.setdefault(part, {})
        if not isinstance(below, dict):
            raise ValueError(f"{printable(part)} is a file and a directory")  # noqa: TRY004 - bad data, not a bad call
        directory = below
    if name in directory:
        raise ValueError(f"{printable(path)} is there twice")
    directory[name] = row


def _collect(directory: _Directory, objects: Objects, listings: dict[str, Listing]) -> str:
    rows = []
    for name, child in directory.items():
        if isinstance(child, dict):
            rows.append(Row(DIRECTORY, name, _collect(child, objects, listings)))
        else:
            rows.append(Row(child[0], name, child[1]))
    rows.sort(key=listing.order)
    oid = listing.tree_id(rows)
    if oid not in listings:
        listings[oid] = listing.check(rows, objects.blob_size)
    return oid

"""What differs between two trees: directories with equal ids are never opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import pygit2
from pygit2.enums import ObjectType

from reconciler.repository.faults import TreeRefused
from reconciler.repository.listing import DIRECTORY, MAX_DIRECTORIES, MAX_FILE_BYTES, MAX_FILES, REGULAR, Row
from reconciler.repository.names import MAX_DEPTH, printable
from reconciler.repository.objects import Objects

MAX_DIFF_BYTES: Final = 256 * 1024


class Change(NamedTuple):
    """One path that differs. A side that is None is absent; names that no tree may hold come out escaped."""

    path: str
    old: Row | None
    new: Row | None


def changes(objects: Objects, old: str | None, new: str | None) -> list[Change]:
    """What differs between two trees (ids; None is the empty one), in path order.

    Raises:
        TreeRefused: more than `MAX_FILES` differ, or a tree is malformed.
        RepositoryDamaged: an object is missing.
    """
    found: list[Change] = []
    for directories, change in enumerate(_walk(objects, old, new, "", 1)):
        if change is not None:
            found.append(change)
        if len(found) > MAX_FILES or directories > MAX_DIRECTORIES + MAX_FILES:
            raise TreeRefused(f"more than {MAX_FILES} paths differ")
    return sorted(found, key=lambda change: change.path)


def text(objects: Objects, differing: Sequence[Change], max_bytes: int) -> str:
    """A unified diff of these changes, cut at a whole file after about `max_bytes` with a line that says so."""
    parts: list[str] = []
    size = 0
    for index, change in enumerate(differing):
        if size >= max_bytes:
            parts.append(f"... and {len(differing) - index} more files\n")
            break
        part = _patch(objects, change)
        if len(part.encode()) > max_bytes - size:
            part = part.encode()[: max_bytes - size].decode("utf-8", "ignore") + "\n... cut here\n"
        parts.append(part)
        size += len(part.encode())
    return "".join(parts)


def _walk(objects: Objects, old: str | None, new: str | None, prefix: str, depth: int) -> Iterator[Change | None]:
    """Changes below a directory; a None for each directory opened, so that the caller can count them."""
    yield None
    if depth > MAX_DEPTH:
        return
    before = {row.name: row for row in objects.rows(old)} if old is not None else {}
    after = {row.name: row for row in objects.rows(new)} if new is not None else {}
    for name in before.keys() | after.keys():
        left, right = before.get(name), after.get(name)
        if left == right:
            continue
        path = prefix + printable(name)
        old_tree = left.oid if left is not None and left.mode == DIRECTORY else None
        new_tree = right.oid if right is not None and right.mode == DIRECTORY else None
        if old_tree is not None or new_tree is not None:
            yield from _walk(objects, old_tree, new_tree, path + "/", depth + 1)
        old_file = left if left is not None and old_tree is None else None
        new_file = right if right is not None and new_tree is None else None
        if old_file is not None or new_file is not None:
            yield Change(path, old_file, new_file)


def _patch(objects: Objects, change: Change) -> str:
    old, new = _content(objects, change.old), _content(objects, change.new)
    if isinstance(old, str) or isinstance(new, str):
        reason = old if isinstance(old, str) else new
        return f"diff --git a/{change.path} b/{change.path}\n{reason!s}: not shown\n"
    patch = pygit2.Patch.create_from(old, new, old_as_path=change.path, new_as_path=change.path)
    return patch.data.decode("utf-8", "replace")


def _content(objects: Objects, row: Row | None) -> bytes | str | None:
    """A file's bytes, or in text why they are not shown."""
    if row is None:
        return None
    if row.mode not in REGULAR:
        return "symbolic link or submodule"
    kind, size = objects.header(row.oid)
    if kind != ObjectType.BLOB or size > MAX_FILE_BYTES:
        return f"{size} bytes"
    return objects.blob(row.oid)

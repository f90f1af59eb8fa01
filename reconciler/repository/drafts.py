"""Drafts: a commit made of changed paths, whole in memory and looked at like any other before a byte of it is stored.

What is refused afterwards, because it does not compile or somebody else was first, leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import pygit2
from pygit2.enums import ObjectType

from reconciler.repository import listing, names, revisions
from reconciler.repository.faults import ChangeRefused, RepositoryDamaged
from reconciler.repository.listing import DIRECTORY, FILE, MAX_FILE_BYTES, REGULAR, Listing, Row
from reconciler.repository.objects import CommitTree, Objects, parse_rows

MAX_MESSAGE_CHARS: Final = 64 * 1024

Sign = Callable[[bytes], str]
"""The bytes of a commit → an armored signature of them."""


class Author(NamedTuple):
    """Who a commit is by."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A commit that is in no repository yet."""

    commit: str
    """The id it has and will have (hex)."""
    tree: str
    parent: str | None
    paths: tuple[str, ...]
    """What it changes, sorted."""
    stored: Mapping[str, tuple[ObjectType, bytes]] = field(repr=False)
    """Id → the objects that are new with it, each after those it names."""

    def view(self, objects: Objects, like: CommitTree | None = None) -> CommitTree:
        """Its files, where `objects` has what it did not change.

        Args:
            like: the parent's, so that only what differs is looked at.

        Raises:
            TreeRefused: the tree would be beyond the limits.
        """
        over = _Overlay(self, objects)
        return CommitTree(self.tree, self.commit, over.listing, over.blob, like=like)

    def store(self, git: pygit2.Repository) -> None:
        """Write its objects; no ref leads to them yet.

        Raises:
            RepositoryDamaged: they cannot be written.
        """
        try:
            for oid, (kind, data) in self.stored.items():
                if not git.odb.exists(oid):
                    git.odb.write(kind, data)
        except (pygit2.GitError, ValueError, OSError) as error:
            raise RepositoryDamaged(f"the commit cannot be written: {error}") from error


def make(
    objects: Objects,
    parent: str | None,
    tree: str | None,
    changes: Mapping[str, bytes | None],
    author: Author,
    message: str,
    *,
    committer: Author | None = None,
    sign: Sign | None = None,
    time_s: int | None = None,
) -> Draft | None:
    """The commit of some changed paths on top of another; None when nothing differs.

    Args:
        parent: the commit to follow, and `tree` its tree (both hex); None for the first.
        changes: path with `/` → whole new content, or None to remove it. A file keeps its mode; a new one is 0644.
        committer: the author when not said.
        time_s: seconds since 1970 for author and committer; None is now.

    Raises:
        ChangeRefused: a forbidden path, a file where a directory is, removing what is not there, a file over 1 MiB, or
            an author or message that git cannot hold.
        RepositoryDamaged, TreeRefused: what is changed cannot be read.
    """
    committer = committer or author
    _check(changes, (*author, *committer), message)
    writer = _Writer(objects)
    made = tree
    for step in _steps(changes):
        made = writer.tree(made, _nest(step), "") or writer.put(ObjectType.TREE, b"")
    assert made is not None
    if parent is not None and made == tree:
        return None
    seconds = int(time.time()) if time_s is None else time_s
    lines = [f"tree {made}"]
    if parent is not None:
        lines.append(f"parent {parent}")
    lines += [f"{word} {who.name} <{who.email}> {seconds} +0000" for word, who in _roles(author, committer)]
    head = "\n".join(lines).encode()
    body = b"\n\n" + message.strip().encode() + b"\n"
    if sign is not None:
        signature = sign(head + body)
        # Every line after the first begins with a space, as git folds headers.
        head += b"\ngpgsig " + signature.strip().replace("\n", "\n ").encode()
    commit = writer.put(ObjectType.COMMIT, head + body)
    return Draft(commit, made, parent, tuple(sorted(writer.changed)), writer.stored)


def _roles(author: Author, committer: Author) -> tuple[tuple[str, Author], tuple[str, Author]]:
    return ("author", author), ("committer", committer)


class _Overlay:
    """Objects of a draft before those of the repository."""

    def __init__(self, draft: Draft, objects: Objects) -> None:
        self._stored: Final = draft.stored
        self._objects: Final = objects

    def listing(self, oid: str) -> Listing:
        """One directory by its tree id."""
        found = self._stored.get(oid)
        return self._objects.listing(oid) if found is None else listing.check(parse_rows(oid, found[1]), self._size)

    def blob(self, oid: str) -> bytes:
        """The bytes of a file."""
        found = self._stored.get(oid)
        return self._objects.blob(oid) if found is None else found[1]

    def _size(self, oid: str) -> int | None:
        found = self._stored.get(oid)
        return self._objects.blob_size(oid) if found is None else len(found[1])


class _Writer:
    """Trees with some paths changed; directories in which nothing changes keep their ids unread."""

    def __init__(self, objects: Objects) -> None:
        self._objects: Final = objects
        self.stored: Final[dict[str, tuple[ObjectType, bytes]]] = {}
        self.changed: Final[set[str]] = set()

    def put(self, kind: ObjectType, data: bytes) -> str:
        """Take an object; its id."""
        head = f"{kind.name.lower()} {len(data)}\0".encode()
        oid = hashlib.sha1(head + data, usedforsecurity=False).hexdigest()
        self.stored[oid] = (kind, data)
        return oid

    def tree(self, old: str | None, changed: Mapping[str, _Nested], prefix: str) -> str | None:
        """The id of `old` with changes; None when nothing is left in it."""
        rows = {row.name: row for row in self._rows(old)} if old is not None else {}
        for name, change in changed.items():
            raw = name.encode()
            before = rows.pop(raw, None)
            row = self._row(raw, before, change, prefix + name)
            if row is not None:
                rows[raw] = row
        if not rows:
            return None
        return self.put(ObjectType.TREE, listing.tree_bytes(sorted(rows.values(), key=listing.order)))

    def _rows(self, oid: str) -> list[Row]:
        found = self.stored.get(oid)
        return self._objects.rows(oid) if found is None else parse_rows(oid, found[1])

    def _row(self, name: bytes, before: Row | None, change: _Nested, path: str) -> Row | None:
        is_directory = before is not None and before.mode == DIRECTORY
        if isinstance(change, Mapping):
            if before is not None and not is_directory:
                raise ChangeRefused(f"{path} is a file, not a directory", path=path)
            oid = self.tree(before.oid if before is not None else None, change, path + "/")
            return Row(DIRECTORY, name, oid) if oid is not None else None
        if is_directory:
            raise ChangeRefused(f"{path} is a directory", path=path)
        if change is None:
            if before is None:
                raise ChangeRefused(f"{path} is not there, so it cannot be removed", path=path)
            self.changed.add(path)
            return None
        blob = self.put(ObjectType.BLOB, change)
        if before is None or before.oid != blob:
            self.changed.add(path)
        return Row(before.mode if before is not None and before.mode in REGULAR else FILE, name, blob)


def _steps(changes: Mapping[str, bytes | None]) -> list[Mapping[str, bytes | None]]:
    """The changes at once; or, where a file makes room for a directory or the other way round, what goes first."""
    gone = {path for path, content in changes.items() if content is None}
    above = {path[:at] for path in changes for at, char in enumerate(path) if char == "/"}
    if not gone or above.isdisjoint(changes):
        return [changes]
    kept = {path: content for path, content in changes.items() if content is not None}
    return [dict.fromkeys(gone), kept]


_Nested = bytes | None | dict[str, "_Nested"]


def _nest(changes: Mapping[str, bytes | None]) -> dict[str, _Nested]:
    root: dict[str, _Nested] = {}
    for path, content in changes.items():
        *above, name = path.split("/")
        directory = root
        for part in above:
            below = directory.setdefault(part, {})
            if not isinstance(below, dict):
                raise ChangeRefused(f"{path} is below a file of the same change", path=path)
            directory = below
        if name in directory:
            raise ChangeRefused(f"{path} is a file and a directory in the same change", path=path)
        directory[name] = content
    return root


def _check(changes: Mapping[str, bytes | None], people: tuple[str, ...], message: str) -> None:
    for path, content in changes.items():
        reason = names.path_refusal(path)
        if reason is None and content is not None and len(content) > MAX_FILE_BYTES:
            reason = f"{len(content)} bytes; a file may have {MAX_FILE_BYTES}"
        if reason is not None:
            raise ChangeRefused(f"{revisions.shown(path)} cannot be committed: {reason}", path=path)
    for text in people:
        if not text.strip() or len(text) > names.MAX_NAME_BYTES or not text.isprintable() or set("<>") & set(text):
            raise ChangeRefused(f"{revisions.shown(text)} cannot be an author's name or address")
    if not message.strip() or "\0" in message or len(message) > MAX_MESSAGE_CHARS:
        raise ChangeRefused(f"a commit needs a message of 1 to {MAX_MESSAGE_CHARS} characters")

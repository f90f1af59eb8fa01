"""Write: a commit made of changed paths, without a checkout; and a new repository.

The ref moves last and only from where it was read, so that a commit is there whole or not at all. Where the ref is the
one a work tree has checked out, its files and index follow, unless they hold changes of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import pygit2
from pygit2.enums import ObjectType

from reconciler.repository import libgit2, listing, names, revisions, work_tree
from reconciler.repository.faults import ChangeRefused, ReadOnly, RefMoved, RepositoryDamaged
from reconciler.repository.listing import DIRECTORY, FILE, MAX_FILE_BYTES, REGULAR, Row
from reconciler.repository.repository import Repository, open_local

DEFAULT_BRANCH: Final = "main"
MAX_MESSAGE_CHARS: Final = 64 * 1024


class Author(NamedTuple):
    """Who a commit is by."""

    name: str
    email: str


def init(path: Path, *, bare: bool = False, branch: str = DEFAULT_BRANCH) -> Repository:
    """A new, empty repository at `path`; what stands there already is left alone and not yet committed.

    Raises:
        RevisionRefused: `branch` is no name for one.
    """
    libgit2.harden()
    revisions.check_ref(f"refs/heads/{branch}")
    pygit2.init_repository(str(path), bare=bare, initial_head=branch)
    return open_local(path)


def commit(
    repository: Repository,
    ref: str,
    changes: Mapping[str, bytes | None],
    author: Author,
    message: str,
    *,
    expected: str | None = None,
    time_s: int | None = None,
) -> str:
    """Commit some paths on top of a ref, and give the new commit (full hex). No difference: no commit, and the tip.

    Args:
        ref: a branch name or `refs/…`; made when it does not exist yet.
        changes: path with `/` → whole new content, or None to remove it. A file keeps its mode; a new one is 0644.
        expected: the commit that `ref` must be at; None is wherever it is now.
        time_s: seconds since 1970 for author and committer; None is now.

    Raises:
        ChangeRefused: a forbidden path, a file where a directory is, removing what is not there, a file over 1 MiB, or
            an author or message that git cannot hold.
        RefMoved: `ref` is not at `expected`, or moved meanwhile. Nothing has changed.
        WorkTreeChanged: the checked out files differ from the tip. Nothing has changed.
        ReadOnly: this is a copy of a remote.
        RevisionRefused: `ref` is no ref. RepositoryDamaged: objects cannot be read or written.
    """
    if repository.copy is not None:
        raise ReadOnly(f"this is a copy of {repository.copy.remote}: commit there")
    git = repository.git
    name = revisions.full_ref(ref)
    if name == "HEAD":
        name = str(git.lookup_reference("HEAD").target)
    tip = revisions.find_ref(git, name)
    if expected is not None and tip != expected:
        raise RefMoved(f"{name} is at {tip or 'no commit'}, not at {expected}", ref=name, commit=tip)
    _check(changes, author, message)
    old_tree = repository.tree_id(tip) if tip is not None else None
    writer = _TreeWriter(repository)
    tree = writer.write(old_tree, _nest(changes), "") or str(git.odb.write(ObjectType.TREE, b""))
    if tip is not None and tree == old_tree:
        return tip
    top = work_tree.checked_out(repository, name)
    if top is not None:
        work_tree.require_clean(repository, top, old_tree, changes)
    made = _create(git, name, tree, tip, author, message, time_s)
    if top is not None:
        work_tree.follow(repository, top, tree, changes)
    return made


class _TreeWriter:
    """Trees with some paths changed; directories in which nothing changes keep their ids unread."""

    def __init__(self, repository: Repository) -> None:
        self._git: Final = repository.git
        self._objects: Final = repository.objects

    def write(self, old: str | None, changed: Mapping[str, _Nested], prefix: str) -> str | None:
        """The id of `old` with changes; None when nothing is left in it."""
        rows = {row.name: row for row in self._objects.rows(old)} if old is not None else {}
        for name, change in changed.items():
            raw = name.encode()
            before = rows.pop(raw, None)
            row = self._row(raw, before, change, prefix + name)
            if row is not None:
                rows[raw] = row
        if not rows:
            return None
        try:
            data = listing.tree_bytes(sorted(rows.values(), key=listing.order))
            return str(self._git.odb.write(ObjectType.TREE, data))
        except (pygit2.GitError, ValueError, OSError) as error:
            raise RepositoryDamaged(f"the tree cannot be written: {error}") from error

    def _row(self, name: bytes, before: Row | None, change: _Nested, path: str) -> Row | None:
        is_directory = before is not None and before.mode == DIRECTORY
        if isinstance(change, Mapping):
            if before is not None and not is_directory:
                raise ChangeRefused(f"{path} is a file, not a directory", path=path)
            oid = self.write(before.oid if before is not None else None, change, path + "/")
            return Row(DIRECTORY, name, oid) if oid is not None else None
        if is_directory:
            raise ChangeRefused(f"{path} is a directory", path=path)
        if change is None:
            if before is None:
                raise ChangeRefused(f"{path} is not there, so it cannot be removed", path=path)
            return None
        try:
            blob = str(self._git.create_blob(change))
        except (pygit2.GitError, OSError) as error:
            raise RepositoryDamaged(f"{path} cannot be written: {error}") from error
        return Row(before.mode if before is not None and before.mode in REGULAR else FILE, name, blob)


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


def _check(changes: Mapping[str, bytes | None], author: Author, message: str) -> None:
    for path, content in changes.items():
        reason = names.path_refusal(path)
        if reason is None and content is not None and len(content) > MAX_FILE_BYTES:
            reason = f"{len(content)} bytes; a file may have {MAX_FILE_BYTES}"
        if reason is not None:
            raise ChangeRefused(f"{revisions.shown(path)} cannot be committed: {reason}", path=path)
    for text in author:
        if not text.strip() or len(text) > names.MAX_NAME_BYTES or not text.isprintable() or set("<>") & set(text):
            raise ChangeRefused(f"{revisions.shown(text)} cannot be an author's name or address")
    if not message.strip() or "\0" in message or len(message) > MAX_MESSAGE_CHARS:
        raise ChangeRefused(f"a commit needs a message of 1 to {MAX_MESSAGE_CHARS} characters")


def _create(
    git: pygit2.Repository, ref: str, tree: str, tip: str | None, author: Author, message: str, time_s: int | None
) -> str:
    by = pygit2.Signature(*author) if time_s is None else pygit2.Signature(*author, time_s, 0)
    try:
        # libgit2 moves the ref only if its tip is still the first parent, or, with no parent, if there is none.
        return str(git.create_commit(ref, by, by, message.strip() + "\n", tree, [tip] if tip is not None else []))
    except (pygit2.GitError, ValueError, OSError) as error:
        now = revisions.find_ref(git, ref)
        if now != tip:
            raise RefMoved(f"{ref} moved to {now or 'nothing'} meanwhile", ref=ref, commit=now) from error
        raise RepositoryDamaged(f"the commit cannot be written: {error}") from error

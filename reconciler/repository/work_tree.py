"""The files and index that a user has checked out, kept in step with a commit made for them.

Bytes are written as they are: no filter, no attribute, no line ending of git's configuration applies.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pygit2
from pygit2.enums import FileMode

from reconciler.repository.faults import WorkTreeChanged
from reconciler.repository.listing import EXECUTABLE, blob_id
from reconciler.repository.repository import Repository
from schema.ids import sha256

INDEX: Final = "vigo-index"
"""In the git directory: the index that is made ready to take the place of git's."""
_OTHER: Final = "something else"
"""Stands for what is no file: differs from every id."""


def checked_out(repository: Repository, ref: str) -> Path | None:
    """The work tree that follows this ref; None when there is none."""
    head = repository.git.lookup_reference("HEAD")
    return repository.work_tree if head.target == ref else None


def require_clean(repository: Repository, top: Path, tree: str | None, changes: Mapping[str, bytes | None]) -> None:
    """Make sure that writing `changes` over a work tree of `tree` loses nothing.

    Raises:
        WorkTreeChanged: a path is staged or stands on disk otherwise than `tree` has it.
    """
    index = repository.git.index
    index.read()
    for path in changes:
        committed = _in_tree(repository, tree, path)
        if _staged(index, path) != committed or _on_disk(top, path) != committed:
            raise WorkTreeChanged(f"{path} has changes that are not committed", path=path)


def follow(repository: Repository, top: Path, tree: str, changes: Mapping[str, bytes | None]) -> None:
    """Write the changed paths of `tree` to the work tree and its index, of which the lock is ours (`unfinished`)."""
    own, ours = repository.path / "index", repository.path / INDEX
    for leftover in (ours, Path(f"{ours}.lock")):
        leftover.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        shutil.copyfile(own, ours)
    index = pygit2.Index(str(ours))
    index.read()
    for path, content in changes.items():
        place = top / path
        if content is None:
            place.unlink(missing_ok=True)
            _prune(top, place.parent)
            if path in index:
                index.remove(path)
            continue
        row = repository.objects.find(tree, path)
        assert row is not None
        executable = row.mode == EXECUTABLE
        _replace(place, content, executable=executable)
        mode = FileMode.BLOB_EXECUTABLE if executable else FileMode.BLOB
        index.add(pygit2.IndexEntry(path, pygit2.Oid(hex=row.oid), mode))
    index.write()
    ours.replace(own)


def catch_up(repository: Repository, top: Path, old: str | None, new: str) -> None:
    """Have a work tree follow from one commit to the next that may have done so in part; what is in neither stays."""
    before, after = repository.tree_id(old) if old is not None else None, repository.tree_id(new)
    index = repository.git.index
    index.read()
    changes: dict[str, bytes | None] = {}
    for path in repository.changed_paths(old, new):
        oid = _in_tree(repository, after, path)
        if {_staged(index, path), _on_disk(top, path)} <= {_in_tree(repository, before, path), oid}:
            changes[path] = repository.objects.blob(oid) if oid is not None else None
    follow(repository, top, after, changes)


def _in_tree(repository: Repository, tree: str | None, path: str) -> str | None:
    row = repository.objects.find(tree, path) if tree is not None else None
    return row.oid if row is not None else None


def _staged(index: Any, path: str) -> str | None:
    return str(index[path].id) if path in index else None


def _on_disk(top: Path, path: str) -> str | None:
    """Git's id of the file at a path; None for nothing. No link is followed, above the path or at it."""
    *above, last = path.split("/")
    place = top
    try:
        for part in above:
            place = place / part
            if not stat.S_ISDIR(place.lstat().st_mode):
                return _OTHER
        place = place / last
        return blob_id(place.read_bytes()) if stat.S_ISREG(place.lstat().st_mode) else _OTHER
    except FileNotFoundError:
        return None


def _replace(place: Path, content: bytes, *, executable: bool) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    # The same name each time, so that what a kill leaves of it is gone with the next one.
    temporary = place.with_name(f".{sha256(place.name.encode())[:16]}.vigo")
    temporary.unlink(missing_ok=True)
    # Opened with the mode it shall have, so that the user's umask applies, which cannot be read without changing it.
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o777 if executable else 0o666)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
    temporary.replace(place)


def _prune(top: Path, directory: Path) -> None:
    while directory != top:
        try:
            directory.rmdir()
        except OSError:
            return
        directory = directory.parent

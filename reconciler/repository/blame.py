"""Blame: the commit that last changed one line of a file, found by walking back from a commit.

git's own blame reads a file's whole history for all of its lines, and libgit2's can be neither stopped nor bounded.
Here one line is followed, within so many commits and so much time; what a bound cuts off is unknown, never guessed.
Renames are not followed: who moved a file is who last touched its lines.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

import pygit2
from pygit2.enums import ObjectType

from reconciler.repository import history
from reconciler.repository.faults import RepositoryDamaged, TreeRefused
from reconciler.repository.listing import DIRECTORY, REGULAR
from reconciler.repository.objects import MAX_TREE_BYTES, Objects

MAX_COMMITS: Final = 20_000
"""More than most histories have."""
WITHIN_S: Final = 0.5


class _At(NamedTuple):
    """Where a line stands: in which commit, in which blob (hex), and its number, from 1."""

    commit: pygit2.Commit
    blob: str
    line: int


def last_change(
    git: pygit2.Repository,
    objects: Objects,
    commit: pygit2.Commit,
    path: str,
    line: int,
    *,
    max_commits: int = MAX_COMMITS,
    within_s: float = WITHIN_S,
    monotonic: Callable[[], float] = time.monotonic,
) -> str | None:
    """The commit (hex) that last changed a line of a file.

    None where the file or line is not there, where history ends early (a shallow copy, a missing object), or where a
    bound is reached before the answer is certain.

    Args:
        line: from 1, in the file as `commit` has it.
    """
    try:
        found = _blob(git, objects, commit, path)
        if found is None or line < 1:
            return None
        if line > objects.blob(found).rstrip(b"\n").count(b"\n") + 1:
            return None
        deadline = monotonic() + within_s
        at = _At(commit, found, line)
        for _ in range(max_commits):
            before = _before(git, objects, at, path)
            if before is None:
                return str(at.commit.id)
            if monotonic() > deadline:
                return None
            at = before
    except (RepositoryDamaged, TreeRefused, pygit2.GitError, KeyError, ValueError, OSError):
        return None
    return None


def _before(git: pygit2.Repository, objects: Objects, at: _At, path: str) -> _At | None:
    """The same line in a parent; None where none has it.

    Raises:
        KeyError: a parent is missing.
    """
    others: list[tuple[pygit2.Commit, str]] = []
    for parent_id in at.commit.parent_ids:
        if parent_id not in git:
            raise KeyError(parent_id)
        parent = history.read(git, objects, str(parent_id))
        blob = _blob(git, objects, parent, path)
        if blob == at.blob:
            return _At(parent, blob, at.line)
        if blob is not None:
            others.append((parent, blob))
    for parent, blob in others:
        line = _same_line(objects.blob(blob), objects.blob(at.blob), at.line)
        if line is not None:
            return _At(parent, blob, line)
    return None


def _blob(git: pygit2.Repository, objects: Objects, commit: pygit2.Commit, path: str) -> str | None:
    """Id of the file at a path, as the commit has it; None where it has none.

    Raises:
        RepositoryDamaged, TreeRefused: a directory on the way cannot be read within the limits.
    """
    oid = str(commit.tree_id)
    *above, name = path.split("/")
    for part in above:
        below = _entry(git, objects, oid, part)
        if below is None or below.filemode != DIRECTORY:
            return None
        oid = str(below.id)
    found = _entry(git, objects, oid, name)
    return str(found.id) if found is not None and found.filemode in REGULAR else None


def _entry(git: pygit2.Repository, objects: Objects, tree: str, name: str) -> pygit2.Object | None:
    objects.require(tree, ObjectType.TREE, MAX_TREE_BYTES)
    directory = git[tree].peel(pygit2.Tree)
    return directory[name] if name in directory else None  # noqa: SIM401 - pygit2's trees have no get


def _same_line(old: bytes, new: bytes, line: int) -> int | None:
    """The number of the old line that a new one is; None where it is new."""
    shift = 0
    for hunk in pygit2.Patch.create_from(old, new, context_lines=0).hunks:
        # Of a hunk without new lines, the start is that of the line before it.
        first = hunk.new_start if hunk.new_lines else hunk.new_start + 1
        if line < first:
            break
        if line < first + hunk.new_lines:
            return None
        shift += hunk.old_lines - hunk.new_lines
    return line + shift

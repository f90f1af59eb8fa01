"""History: whether one commit is among the ancestors of another, walked here rather than by libgit2, which reads each
commit of a history whatever its size.
"""

from __future__ import annotations

import heapq
from typing import Final

import pygit2
from pygit2.enums import ObjectType

from reconciler.repository.objects import Objects
from reconciler.repository.revisions import MAX_COMMIT_BYTES

MAX_COMMITS: Final = 500_000
"""Five seconds; only a history that does not hold the commit is walked so far."""


def descends(git: pygit2.Repository, objects: Objects, new: str, old: str, *, most: int = MAX_COMMITS) -> bool:
    """Whether `old` is `new` or among its ancestors (full hex). Not so where history ends before it, as in a shallow
    copy, or is longer than `most` commits.

    Raises:
        RepositoryDamaged, TreeRefused: a commit on the way cannot be read within the limits.
    """
    waiting = [(0, new)]
    seen = {new}
    while waiting:
        _, oid = heapq.heappop(waiting)
        if oid == old:
            return True
        if oid not in git:
            continue
        found = read(git, objects, oid)
        for parent in map(str, found.parent_ids):
            if parent == old:
                return parent in git
            if parent not in seen:
                seen.add(parent)
                # The newest first: what is looked for is mostly a few commits away. Of a parent only the child is read.
                heapq.heappush(waiting, (-found.commit_time, parent))
        if len(seen) > most:
            return False
    return False


def common(git: pygit2.Repository, objects: Objects, one: str, other: str, *, most: int = MAX_COMMITS) -> str | None:
    """The newest commit that both are or have among their ancestors; None where there is none in the history that is
    here, or it is longer than `most` commits.

    Raises:
        RepositoryDamaged, TreeRefused: a commit on the way cannot be read within the limits.
    """
    sides = {one: 1}
    sides[other] = sides.get(other, 0) | 2
    waiting = [(-read(git, objects, oid).commit_time, oid) for oid in sides]
    heapq.heapify(waiting)
    while waiting and len(sides) <= most:
        _, oid = heapq.heappop(waiting)
        reached = sides[oid]
        if reached == 3:
            return oid
        for parent in map(str, read(git, objects, oid).parent_ids):
            known = sides.get(parent, 0)
            if parent in git and known | reached != known:
                sides[parent] = known | reached
                heapq.heappush(waiting, (-read(git, objects, parent).commit_time, parent))
    return None


def read(git: pygit2.Repository, objects: Objects, oid: str) -> pygit2.Commit:
    """A commit, once its size is known.

    Raises:
        RepositoryDamaged, TreeRefused: as `Objects.require`.
    """
    objects.require(oid, ObjectType.COMMIT, MAX_COMMIT_BYTES)
    return git[oid].peel(pygit2.Commit)

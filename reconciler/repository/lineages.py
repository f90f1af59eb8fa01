"""Lineages: the commits that lie between what is in force and a tip, each with what it changes.

The way from one to the other is the first-parent path, except where a commit's first parent does not descend from the
base and another one does (a "foxtrot" merge): then that one is the way. So every step starts from what was judged.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pygit2

from reconciler.repository import diffs, history
from reconciler.repository.diffs import Change
from reconciler.repository.faults import TreeRefused
from reconciler.repository.objects import Objects
from reconciler.repository.repository import Repository

MAX_COMMITS: Final = 10_000
"""Between what is in force and a tip; more are not judged."""
MAX_BYTES: Final = 64 * 1024 * 1024
"""Of all their objects together."""
MAX_PATHS: Final = 1_000_000
"""That all of them change together."""
SLOP: Final = 200
"""Commits of the base that are walked beyond the oldest new one: a clock that went back hides an ancestor for so long.
One that is hidden longer is judged although it was before; none is ever left out."""

_BASE: Final = 1
_TIP: Final = 2

_Parents = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Step:
    """One commit of a lineage."""

    commit: str
    tree: str
    parents: tuple[str, ...]
    raw: bytes
    """The object."""
    paths: tuple[str, ...]
    """What differs from the commit before it on the way; of one that a merge brings, `own`."""
    own: tuple[str, ...]
    """What differs from every parent. Of a merge on the way: those of its paths whose content none of `brought` made,
    so that nobody but whoever merged stands for it."""
    brought: tuple[Step, ...] = ()
    """Commits that come with this merge."""


def between(repository: Repository, base: str | None, tip: str, *, most: int = MAX_COMMITS) -> list[Step]:
    """The way from `base` to `tip` (full hex), oldest first, and with each merge what it brings.

    Without a base the tip alone, as one that adds every file. Where the tip does not descend from the base (somebody
    accepted that), the way begins where the two parted: what was judged before is not judged again.

    Raises:
        TreeRefused: more than `most` commits, or more in them than is judged. RepositoryDamaged: an object is missing.
    """
    reader = _Reader(repository.git, repository.objects)
    if base is None:
        return [reader.step(tip, None, ())]
    new = _new(reader, base, tip, most)
    way = _way(new, base, tip)
    seen = {commit for commit, _ in way}
    steps = []
    for commit, before in way:
        brought = _beside(new, commit, seen)
        seen |= set(brought)
        steps.append(reader.step(commit, before, tuple(map(reader.brought, brought))))
    return steps


class _Reader:
    """Reads commits and compares them."""

    def __init__(self, git: pygit2.Repository, objects: Objects) -> None:
        self._git: Final = git
        self._objects: Final = objects
        self._bytes = self._paths = 0

    def read(self, commit: str) -> pygit2.Commit:
        """A commit within bounds."""
        return history.read(self._git, self._objects, commit)

    def parents(self, commit: str) -> tuple[str, ...]:
        """Of a commit."""
        return _parents(self.read(commit))

    def step(self, commit: str, before: str | None, brought: tuple[tuple[Step, list[Change]], ...]) -> Step:
        """A commit on the way, after the one before it."""
        found = self.read(commit)
        changes = self._changes(before, found)
        own = changes
        if len(found.parent_ids) > 1:
            made = {(change.path, change.new) for _, theirs in brought for change in theirs}
            own = [change for change in changes if (change.path, change.new) not in made]
        steps = tuple(step for step, _ in brought)
        raw = self._raw(found)
        return Step(commit, str(found.tree_id), _parents(found), raw, _paths(changes), _paths(own), steps)

    def brought(self, commit: str) -> tuple[Step, list[Change]]:
        """A commit that a merge brings, and what it changes of each of its parents."""
        found = self.read(commit)
        parents = _parents(found)
        changes = self._changes(parents[0] if parents else None, found)
        for parent in parents[1:]:
            others = {change.path for change in self._changes(parent, found)}
            changes = [change for change in changes if change.path in others]
        paths = _paths(changes)
        return Step(commit, str(found.tree_id), parents, self._raw(found), paths, paths), changes

    def _changes(self, before: str | None, found: pygit2.Commit) -> list[Change]:
        old = str(self.read(before).tree_id) if before is not None else None
        changes = diffs.changes(self._objects, old, str(found.tree_id))
        self._paths += len(changes)
        if self._paths > MAX_PATHS:
            raise TreeRefused(f"the commits up to {found.id} change more than {MAX_PATHS} paths together")
        return changes

    def _raw(self, found: pygit2.Commit) -> bytes:
        raw = found.read_raw()
        self._bytes += len(raw)
        if self._bytes > MAX_BYTES:
            raise TreeRefused(f"the commits up to {found.id} have more than {MAX_BYTES} bytes together")
        return raw


def _new(reader: _Reader, base: str, tip: str, most: int) -> _Parents:
    """Commits that `tip` has and `base` has not, with their parents."""
    marks: dict[str, int] = {}
    walked: dict[str, tuple[str, ...]] = {}
    queue: list[tuple[int, str]] = []
    waiting = new = 0

    def mark(start: str, bits: int) -> None:
        nonlocal waiting, new
        stack = [start]
        while stack:
            oid = stack.pop()
            old = marks.get(oid, 0)
            if old | bits == old:
                continue
            marks[oid] = old | bits
            change = (marks[oid] == _TIP) - (old == _TIP)
            new += change
            if oid in walked:  # before a clock that went back showed that the base has it
                stack += walked[oid]
                continue
            waiting += change
            if not old:
                heapq.heappush(queue, (-reader.read(oid).commit_time, oid))

    mark(tip, _TIP)
    mark(base, _BASE)
    slop = SLOP
    while queue and (waiting or slop):
        slop = SLOP if waiting else slop - 1
        _, oid = heapq.heappop(queue)
        waiting -= marks[oid] == _TIP
        walked[oid] = reader.parents(oid)
        for parent in walked[oid]:
            mark(parent, marks[oid])
        if new > most:
            raise TreeRefused(f"more than {most} commits lie between the one in force and {tip[:12]}")
    return {oid: walked[oid] for oid, bits in marks.items() if bits == _TIP}


def _way(new: _Parents, base: str, tip: str) -> list[tuple[str, str | None]]:
    """The commits on the way, each with the one before it; oldest first."""
    descends = _descending(new, base)
    way: list[tuple[str, str | None]] = []
    commit: str | None = tip
    while commit is not None and commit in new:
        parents = new[commit]
        through = [parent for parent in parents if parent == base or parent in descends]
        before = next(iter(through or parents), None)
        way.append((commit, before))
        commit = before
    return way[::-1]


def _descending(new: _Parents, base: str) -> set[str]:
    """Of what is new, what has the base among its ancestors."""
    children: dict[str, list[str]] = {}
    for commit, parents in new.items():
        for parent in parents:
            children.setdefault(parent, []).append(commit)
    found: set[str] = set()
    waiting = [base]
    while waiting:
        fresh = [child for child in children.get(waiting.pop(), ()) if child not in found]
        found.update(fresh)
        waiting += fresh
    return found


def _beside(new: _Parents, commit: str, seen: set[str]) -> list[str]:
    """What is new with a commit and not on the way: newest first."""
    found: dict[str, None] = {}
    waiting = list(new[commit])
    while waiting:
        oid = waiting.pop()
        if oid in new and oid not in seen and oid not in found:
            found[oid] = None
            waiting += new[oid]
    return list(found)


def _parents(found: pygit2.Commit) -> tuple[str, ...]:
    return tuple(str(parent) for parent in found.parent_ids)


def _paths(changes: list[Change]) -> tuple[str, ...]:
    return tuple(change.path for change in changes)

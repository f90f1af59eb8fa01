"""Using: which leaves use a crate or role, without a look at every leaf.

Leaves stand in shelves, some in a row on each; a shelf knows all names that are used on it. A value that never changes:
what a commit makes of it shares all shelves but those of its leaves.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from reconciler.graph.leaves import LeafResult

_ROW: Final = 64
"""Leaves on a shelf when all are put up."""
_MOST: Final = 4 * _ROW
"""On one shelf, before all are put up anew."""


class _Shelf(NamedTuple):
    paths: Sequence[str]
    """In order. Some leaf that is gone may still be among them."""
    names: frozenset[str]
    """Names that its leaves use, and perhaps some that they used before."""


class Using:
    """Which leaves use what."""

    def __init__(self, shelves: Sequence[_Shelf]) -> None:
        self._shelves: Final = shelves
        self._firsts: Final = [shelf.paths[0] for shelf in shelves]

    def changed(self, leaves: Mapping[str, LeafResult], redone: Iterable[str]) -> Using:
        """The same for these leaves, of which all but those at some paths are as they were."""
        shelves = list(self._shelves)
        for path in redone:
            leaf = leaves.get(path)
            if leaf is None:
                continue
            at = max(0, bisect_right(self._firsts, path) - 1)
            if at >= len(shelves) or len(shelves[at].paths) >= _MOST:
                return put_up(leaves)
            paths, names = shelves[at]
            place = bisect_left(paths, path)
            if place == len(paths) or paths[place] != path:
                paths = (*paths[:place], path, *paths[place:])
            shelves[at] = _Shelf(paths, names if leaf.uses <= names else names | leaf.uses)
        return Using(shelves)

    def of(self, names: frozenset[str], leaves: Mapping[str, LeafResult]) -> list[str]:
        """Paths of the leaves that use some of these crates and roles, in order."""
        apart = names.isdisjoint
        return [
            path
            for shelf in self._shelves
            if not apart(shelf.names)
            for path in shelf.paths
            if (leaf := leaves.get(path)) is not None and not apart(leaf.uses)
        ]

    def below(self, directory: str, leaves: Mapping[str, LeafResult]) -> list[str]:
        """Paths of the leaves in and under a directory, in order.

        Args:
            directory: with a slash behind; empty for the root.
        """
        found: list[str] = []
        for shelf in islice(self._shelves, max(0, bisect_right(self._firsts, directory) - 1), None):
            if shelf.paths[0] > directory and not shelf.paths[0].startswith(directory):
                break
            found += [path for path in shelf.paths if path.startswith(directory) and path in leaves]
        return found


def put_up(leaves: Mapping[str, LeafResult]) -> Using:
    """Which of these leaves, which are in path order, use what."""
    paths, all_uses = list(leaves), [leaf.uses for leaf in leaves.values()]
    return Using(
        [
            _Shelf(paths[at : at + _ROW], frozenset().union(*all_uses[at : at + _ROW]))
            for at in range(0, len(paths), _ROW)
        ]
    )

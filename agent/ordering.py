"""In what order resources come: as the catalog lists them, except where one must wait for another.

Pure. A resource waits for what it requires, a target for its notifiers, a crate for the crates that it requires.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple


class Waits(NamedTuple):
    """One resource, as ordering sees it: its crate, what it waits for, and what waits for it, by index."""

    crate: int
    requires: Sequence[int]
    notifies: Sequence[int]


def reaching(requires: Sequence[Sequence[int]], stands: Sequence[bool]) -> list[tuple[int, ...]]:
    """What each crate waits for, among those that stand for something; through another, what that one waits for."""
    found = []
    for first in requires:
        reached: dict[int, None] = {}
        passed: set[int] = set()
        todo = list(reversed(first))
        while todo:
            crate = todo.pop()
            if stands[crate]:
                reached[crate] = None
            elif crate not in passed:
                passed.add(crate)
                todo.extend(reversed(requires[crate]))
        found.append(tuple(reached))
    return found


def order(resources: Sequence[Waits], crates: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
    """Indices in order, and those that wait for themselves in a circle.

    Args:
        resources: in the catalog's order, crate by crate.
        crates: for each crate the crates it requires, by index.
    """
    # A crate is two nodes, its beginning and its end: so a crate that waits for another costs one edge, not n * m.
    count = len(resources)
    begins, ends = count, count + len(crates)
    after: list[list[int]] = [[] for _ in range(count + 2 * len(crates))]
    waiting = [0] * len(after)
    rank: list[tuple[int, int]] = [(resource.crate, 1 + index) for index, resource in enumerate(resources)]
    rank += [(crate, 0) for crate in range(len(crates))] + [(crate, count + 1) for crate in range(len(crates))]

    def edge(first: int, second: int) -> None:
        after[first].append(second)
        waiting[second] += 1

    for crate, required in enumerate(crates):
        edge(begins + crate, ends + crate)
        for other in required:
            edge(ends + other, begins + crate)
    for index, resource in enumerate(resources):
        edge(begins + resource.crate, index)
        edge(index, ends + resource.crate)
        for other in resource.requires:
            edge(other, index)
        for other in resource.notifies:
            edge(index, other)

    ready = [(rank[node], node) for node in range(len(after)) if waiting[node] == 0]
    heapq.heapify(ready)
    ordered: list[int] = []
    while ready:
        _, node = heapq.heappop(ready)
        if node < count:
            ordered.append(node)
        for other in after[node]:
            waiting[other] -= 1
            if waiting[other] == 0:
                heapq.heappush(ready, (rank[other], other))
    return ordered, sorted(set(range(count)) - set(ordered))

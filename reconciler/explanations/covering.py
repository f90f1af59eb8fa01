"""Covering: the smallest set of candidates that meets every requirement.

Set cover is hard in general. Here the candidates nest (a level holds its lines, a role its crates), so that taking away
what another does at least as well leaves little to try; where it does not, the answer says that it may not be smallest.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from itertools import combinations
from typing import Final, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)

MAX_TRIED: Final = 16
"""Candidates that hang together, all of whose subsets are tried."""
MAX_COMPARED: Final = 2_000
"""Candidates that are held against each other."""


class Cover(NamedTuple):
    """Candidates, by their place among those given."""

    chosen: tuple[int, ...]
    smallest: bool
    """Whether no smaller set would do."""


def cover(requirements: Iterable[Collection[K]], rank: Mapping[K, int]) -> tuple[list[K], bool]:
    """A set of candidates that has one of each requirement, and whether it is known to be the smallest.

    None of it is superfluous. Of sets of one size, the one with the lowest sum of ranks is chosen.

    Args:
        requirements: each any one of some candidates; none is empty.
        rank: candidate → how general it is; in the order in which candidates are given back.
    """
    wanted = list(dict.fromkeys(frozenset(each) for each in requirements))
    meets: dict[K, frozenset[int]] = {}
    for candidate in rank:
        met = frozenset(index for index, each in enumerate(wanted) if candidate in each)
        if met:
            meets[candidate] = met
    left, compared = _undominated(meets, rank)
    chosen: set[K] = set()
    smallest = compared
    for group in _groups(left):
        found = _exact(group, rank) if len(group) <= MAX_TRIED else None
        smallest = smallest and found is not None
        chosen |= found if found is not None else _greedy(group, rank)
    return [candidate for candidate in rank if candidate in chosen], smallest


def _undominated(meets: Mapping[K, frozenset[int]], rank: Mapping[K, int]) -> tuple[dict[K, frozenset[int]], bool]:
    """The candidates that no other replaces: one that meets as much and more, or the same and is less general."""
    if len(meets) > MAX_COMPARED:
        return dict(meets), False
    ordered = sorted(meets, key=lambda each: (-len(meets[each]), rank[each]))
    kept: dict[K, frozenset[int]] = {}
    for candidate in ordered:
        if not any(meets[candidate] <= other for other in kept.values()):
            kept[candidate] = meets[candidate]
    return kept, True


def _groups(meets: Mapping[K, frozenset[int]]) -> list[dict[K, frozenset[int]]]:
    """Candidates that hang together by what they meet."""
    by_requirement: dict[int, list[K]] = {}
    for candidate, met in meets.items():
        for index in met:
            by_requirement.setdefault(index, []).append(candidate)
    groups: list[dict[K, frozenset[int]]] = []
    seen: set[K] = set()
    for start in meets:
        if start in seen:
            continue
        seen.add(start)
        group, waiting = {}, [start]
        while waiting:
            candidate = waiting.pop()
            group[candidate] = meets[candidate]
            for index in meets[candidate]:
                for other in by_requirement.pop(index, ()):
                    if other not in seen:
                        seen.add(other)
                        waiting.append(other)
        groups.append(group)
    return groups


def _exact(group: Mapping[K, frozenset[int]], rank: Mapping[K, int]) -> set[K]:
    everything = frozenset().union(*group.values())
    for size in range(1, len(group) + 1):
        fitting = [
            some
            for some in combinations(group, size)
            if frozenset().union(*(group[each] for each in some)) == everything
        ]
        if fitting:
            return set(min(fitting, key=lambda some: sum(rank[each] for each in some)))
    return set(group)


def _greedy(group: Mapping[K, frozenset[int]], rank: Mapping[K, int]) -> set[K]:
    """A cover, each time with what meets most of what is left; then without those that the rest make superfluous."""
    left = set(frozenset().union(*group.values()))
    chosen: list[K] = []
    while left:
        best = max(group, key=lambda each: (len(group[each] & left), -rank[each]))
        chosen.append(best)
        left -= group[best]
    for candidate in list(chosen):
        rest = frozenset().union(*(group[each] for each in chosen if each != candidate))
        if group[candidate] <= rest:
            chosen.remove(candidate)
    return set(chosen)

"""Covering: the smallest set of candidates that meets every requirement.

Set cover is hard in general. Here the candidates nest (a level holds its lines, a role its crates), so that taking away
what another does at least as well leaves little to try; where it does not, the answer says that it may not be smallest.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from itertools import combinations
from typing import Final, TypeVar

K = TypeVar("K", bound=Hashable)

MAX_TRIED: Final = 16
"""Candidates that hang together, all of whose subsets are tried."""


def cover(requirements: Iterable[Collection[K]], rank: Mapping[K, int]) -> tuple[list[K], bool]:
    """A set of candidates that has one of each requirement, and whether it is known to be the smallest.

    None of it is superfluous. Of sets of one size, the one with the lowest sum of ranks is chosen.

    Args:
        requirements: each any one of some candidates; none is empty.
        rank: candidate → how general it is; in the order in which candidates are given back.
    """
    wanted = list(dict.fromkeys(frozenset(each) for each in requirements))
    met: dict[K, set[int]] = {}
    for index, each in enumerate(wanted):
        for candidate in each:
            met.setdefault(candidate, set()).add(index)
    left = _undominated({candidate: frozenset(met[candidate]) for candidate in rank if candidate in met}, rank)
    chosen: set[K] = set()
    smallest = True
    for group in _groups(left):
        found = _exact(group, rank) if len(group) <= MAX_TRIED else None
        smallest = smallest and found is not None
        chosen |= found if found is not None else _greedy(group, rank)
    return [candidate for candidate in rank if candidate in chosen], smallest


def _undominated(meets: Mapping[K, frozenset[int]], rank: Mapping[K, int]) -> dict[K, frozenset[int]]:
    """The candidates that no other replaces: one that meets as much and more, or the same and is less general."""
    kept: dict[K, frozenset[int]] = {}
    by_requirement: dict[int, list[frozenset[int]]] = {}
    for candidate in sorted(meets, key=lambda each: (-len(meets[each]), rank[each])):
        mine = meets[candidate]
        rivals = min((by_requirement.get(index, []) for index in mine), key=len)
        if not any(mine <= other for other in rivals):
            kept[candidate] = mine
            for index in mine:
                by_requirement.setdefault(index, []).append(mine)
    return kept


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

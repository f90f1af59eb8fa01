"""Blocks: the profiles of all leaves in their order, and what follows from them all: the matcher and the plan's tree.

A value that never changes. What a commit makes of it shares all that the commit does not touch: of 80,000 profiles none
is looked at but those of leaves that were made anew.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

from reconciler.graph import plan
from reconciler.graph.leaves import LeafResult
from reconciler.graph.matching import Matcher
from reconciler.graph.plan import Plan
from reconciler.graph.profiles import Profile
from reconciler.overlays import OverlaidList, overlaid, overlaid_list

_FEW: Final = 64
"""Leaves of which the patterns are replaced one by one; with more, a new matcher is quicker."""


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """All match blocks of a tree."""

    leaves: Mapping[str, LeafResult]
    """By path, in path order."""
    paths: Sequence[str]
    starts: Sequence[int]
    """Where the profiles of each leaf begin in `order`, and behind the last, how many there are."""
    order: Sequence[Profile]
    """By path, then place in the file."""
    profiles: Mapping[str, Profile]
    """By id, in that order."""
    ids: Sequence[str]
    """In the order of the plan's leaves."""
    plan: Plan
    matcher: Matcher
    told: Mapping[str, LeafResult]
    """Of the leaves, those with something wrong about what they name."""
    lacking: frozenset[str]
    """Paths of those of which a profile lacks something."""


class _Edit(NamedTuple):
    start: int
    stop: int
    """Of what stood in the old order."""
    profiles: Sequence[Profile]


def make(leaves: Mapping[str, LeafResult]) -> Blocks:
    """The blocks of these leaves, which are in path order."""
    order = [profile for leaf in leaves.values() for profile in leaf.profiles]
    profiles = {profile.id: profile for profile in order}
    ids = sorted(profiles)
    return Blocks(
        leaves,
        list(leaves),
        starts_of(leaves),
        order,
        profiles,
        ids,
        plan.build([profiles[id_].leaf_hash for id_ in ids]),
        Matcher([profile.pattern for profile in order]),
        {path: leaf for path, leaf in leaves.items() if leaf.diagnostics},
        frozenset([path for path, leaf in leaves.items() if leaf.lacking]),
    )


def change(before: Blocks, leaves: Mapping[str, LeafResult], redone: Collection[str]) -> Blocks:
    """The blocks of these leaves, of which all but those at the paths of `redone` are as they were before."""
    if not redone:
        return before
    if len(redone) > len(leaves) // 2:
        return make(leaves)
    edits = [_edit(before, leaves, path) for path in sorted(redone)]
    same_paths = all((path in leaves) is (path in before.leaves) for path in redone)
    same_counts = same_paths and all(edit.stop - edit.start == len(edit.profiles) for edit in edits)
    order = _ordered(before, edits, same_counts=same_counts)
    gone = {profile.id for edit in edits for profile in before.order[edit.start : edit.stop]}
    came = {profile.id: profile for edit in edits for profile in edit.profiles}
    ids, planned = _planned(before, gone, came)
    told, lacking = dict(before.told), set(before.lacking)
    for path in redone:
        told.pop(path, None)
        lacking.discard(path)
        leaf = leaves.get(path)
        if leaf is not None and leaf.diagnostics:
            told[path] = leaf
        if leaf is not None and leaf.lacking:
            lacking.add(path)
    return Blocks(
        leaves,
        before.paths if same_paths else list(leaves),
        before.starts if same_counts else starts_of(leaves),
        order,
        overlaid(before.profiles, came) if gone == came.keys() else {profile.id: profile for profile in order},
        ids,
        planned,
        _matched(before, edits, order),
        told,
        frozenset(lacking),
    )


def _edit(before: Blocks, leaves: Mapping[str, LeafResult], path: str) -> _Edit:
    at = bisect_left(before.paths, path)
    start = stop = before.starts[at]
    if path in before.leaves:
        stop = before.starts[at + 1]
    leaf = leaves.get(path)
    return _Edit(start, stop, leaf.profiles if leaf is not None else ())


def _ordered(before: Blocks, edits: Sequence[_Edit], *, same_counts: bool) -> Sequence[Profile]:
    if same_counts:
        changed = {edit.start + at: profile for edit in edits for at, profile in enumerate(edit.profiles)}
        return overlaid_list(before.order, changed)
    order = before.order.copy() if isinstance(before.order, OverlaidList) else list(before.order)
    for edit in reversed(edits):
        order[edit.start : edit.stop] = edit.profiles
    return order


def _planned(before: Blocks, gone: set[str], came: Mapping[str, Profile]) -> tuple[Sequence[str], Plan]:
    ids = before.ids
    if gone == came.keys():
        return ids, plan.change(before.plan, {bisect_left(ids, id_): each.leaf_hash for id_, each in came.items()})
    left, hashes = list(ids), plan.leaves(before.plan)
    for id_ in gone:
        at = bisect_left(left, id_)
        del left[at], hashes[at]
    for id_, profile in came.items():
        at = bisect_left(left, id_)
        left.insert(at, id_)
        hashes.insert(at, profile.leaf_hash)
    return left, plan.build(hashes)


def _matched(before: Blocks, edits: Sequence[_Edit], order: Sequence[Profile]) -> Matcher:
    fresh = [
        (edit, patterns)
        for edit in edits
        if (patterns := [each.pattern for each in edit.profiles])
        != [each.pattern for each in before.order[edit.start : edit.stop]]
    ]
    if len(fresh) > _FEW:
        return Matcher([profile.pattern for profile in order])
    matcher = before.matcher
    for edit, patterns in reversed(fresh):
        matcher = matcher.replaced(edit.start, edit.stop, patterns)
    return matcher


def starts_of(leaves: Mapping[str, LeafResult]) -> list[int]:
    """Where the profiles of each leaf begin, and how many there are."""
    return list(accumulate([len(leaf.profiles) for leaf in leaves.values()], initial=0))

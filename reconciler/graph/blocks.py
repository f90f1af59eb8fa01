"""Blocks: the profiles of all leaves in their order, and what follows from them all: the matcher and the plan's tree.

A value that never changes. What a commit makes of it shares all that the commit does not touch: of 80,000 profiles none
is looked at but those of leaves that were made anew.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from reconciler.graph import plan, using
from reconciler.graph.leaves import LeafResult
from reconciler.graph.matching import Matcher
from reconciler.graph.plan import Plan
from reconciler.graph.profiles import Profile
from reconciler.graph.using import Using
from reconciler.overlays import Splice, overlaid, spliced

_FEW: Final = 64
"""Leaves of which the patterns are replaced one by one; with more, a new matcher is quicker."""


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """All match blocks of a tree."""

    leaves: Mapping[str, LeafResult]
    """By path, in path order."""
    order: Sequence[Profile]
    """By path, then place in the file."""
    profiles: Mapping[str, Profile]
    """By id, in that order."""
    plan: Plan
    matcher: Matcher
    using: Using
    told: Mapping[str, LeafResult]
    """Of the leaves, those with something wrong about what they name."""
    lacking: frozenset[str]
    """Paths of those of which a profile lacks something."""


class _Edit(NamedTuple):
    splice: Splice
    """Of the order."""
    gone: Mapping[str, Profile]
    """What one leaf gave, by id."""
    came: Mapping[str, Profile]
    """What it gives now, by id."""


class _ById(Mapping[str, Profile]):
    """Profiles by id, where the order of what is known by id is not that in which they stand."""

    __slots__ = ("known", "order")

    def __init__(self, known: Mapping[str, Profile], order: Sequence[Profile]) -> None:
        self.known: Final = known
        self.order: Final = order

    def __getitem__(self, id_: str) -> Profile:
        return self.known[id_]

    def get(self, id_: str, default: Any = None) -> Any:
        """The profile with an id, or something else."""
        return self.known.get(id_, default)

    def __contains__(self, id_: object) -> bool:
        return id_ in self.known

    def __iter__(self) -> Iterator[str]:
        return (profile.id for profile in self.order)

    def __len__(self) -> int:
        return len(self.order)


def make(leaves: Mapping[str, LeafResult]) -> Blocks:
    """The blocks of these leaves, which are in path order."""
    order = [profile for leaf in leaves.values() for profile in leaf.profiles]
    return Blocks(
        leaves,
        order,
        {profile.id: profile for profile in order},
        plan.build([profile.leaf_hash for profile in order]),
        Matcher([profile.pattern for profile in order]),
        using.put_up(leaves),
        {path: leaf for path, leaf in leaves.items() if leaf.diagnostics},
        frozenset([path for path, leaf in leaves.items() if leaf.lacking]),
    )


def change(before: Blocks, leaves: Mapping[str, LeafResult], redone: Collection[str]) -> Blocks:
    """The blocks of these leaves, of which all but those at the paths of `redone` are as they were before."""
    if not redone:
        return before
    if len(redone) > len(leaves) // 2:
        return make(leaves)
    paths = sorted(redone)
    edits = [_edit(before, leaves, path) for path in paths]
    order = spliced(before.order, [edit.splice for edit in edits])
    told, lacking = dict(before.told), set(before.lacking)
    for path in paths:
        told.pop(path, None)
        lacking.discard(path)
        leaf = leaves.get(path)
        if leaf is not None and leaf.diagnostics:
            told[path] = leaf
        if leaf is not None and leaf.lacking:
            lacking.add(path)
    return Blocks(
        leaves,
        order,
        _profiles(before, edits, order),
        _planned(before.plan, edits),
        _matched(before.matcher, edits, order),
        before.using.changed(leaves, paths),
        told,
        frozenset(lacking),
    )


def _edit(before: Blocks, leaves: Mapping[str, LeafResult], path: str) -> _Edit:
    leaf, old = leaves.get(path), before.leaves.get(path)
    start = bisect_left(before.order, path, key=_path)
    stop = start + (len(old.profiles) if old is not None else 0)
    return _Edit(
        Splice(start, stop, leaf.profiles if leaf is not None else ()),
        {profile.id: profile for profile in old.profiles} if old is not None else {},
        {profile.id: profile for profile in leaf.profiles} if leaf is not None else {},
    )


def _path(profile: Profile) -> str:
    return profile.document.path


def _profiles(before: Blocks, edits: Sequence[_Edit], order: Sequence[Profile]) -> Mapping[str, Profile]:
    profiles = before.profiles
    known = profiles.known if isinstance(profiles, _ById) else profiles
    came = {id_: profile for edit in edits for id_, profile in edit.came.items()}
    gone = {id_ for edit in edits for id_ in edit.gone if id_ not in came}
    found = overlaid(known, came, gone)
    if len(known) != len(before.order) or len(found) != len(order):
        # A directory with a # in its name can make two ids one, which of the two then depends on all that there are.
        return {profile.id: profile for profile in order}
    same_order = known is profiles and all(list(edit.gone) == list(edit.came) for edit in edits)
    return found if same_order else _ById(found, order)


def _planned(before: Plan, edits: Sequence[_Edit]) -> Plan:
    gone: set[bytes] = set()
    came: set[bytes] = set()
    for edit in edits:
        for one, other, leaves in ((edit.gone, edit.came, gone), (edit.came, edit.gone, came)):
            for id_, profile in one.items():
                twin = other.get(id_)
                if twin is None or twin.catalog_sha256 != profile.catalog_sha256:
                    leaves.add(profile.leaf_hash)
    return plan.change(before, gone, came)


def _matched(before: Matcher, edits: Sequence[_Edit], order: Sequence[Profile]) -> Matcher:
    fresh = [
        edit.splice
        for edit in edits
        if [each.match_pattern for each in edit.came.values()] != [each.match_pattern for each in edit.gone.values()]
    ]
    if len(fresh) > _FEW:
        return Matcher([profile.pattern for profile in order])
    matcher = before
    for splice in reversed(fresh):
        matcher = matcher.replaced(splice.start, splice.stop, [each.pattern for each in splice.values])
    return matcher

"""Canaries: the fewest hosts that show every change on every operating system that it is for.

Hosts for which the same changes form one class: the same crates from the same bytes to the same bytes, the same vars,
environment and roles, the same resources touched by it. What a template makes of vars and traits may still differ from
host to host within a class.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from reconciler.graph import Graph, Profile
from schema.rollouts import MAX_NAMED, DeltaClass

if TYPE_CHECKING:
    from reconciler.previews.moves import Move
    from reconciler.rollout.facts import HostFacts

BY_VALUE: Final = 200
"""So many classes may come of hosts whose vars change to different values; beyond them which vars change decides: a
number that each host has of its own must not make each of them a canary."""
MAX_TITLE: Final = 160
_USERCRATE: Final = "usercrate:"


@dataclass(slots=True, eq=False)
class Class:
    """Hosts for which the same changes."""

    id: str
    title: str
    hosts: dict[str, list[str]] = field(default_factory=dict)
    """Operating system → names."""

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(map(len, self.hosts.values()))

    def told(self, chosen: Collection[str]) -> DeltaClass:
        """The class as a plan has it."""
        names = [name for each in self.hosts.values() for name in each]
        return DeltaClass(
            id=self.id,
            title=self.title,
            count=len(names),
            systems={system: len(self.hosts[system]) for system in sorted(self.hosts)},
            canaries=tuple(sorted(name for name in names if name in chosen)[:MAX_NAMED]),
            hosts=tuple(heapq.nsmallest(MAX_NAMED, names)),
            left_out=max(0, len(names) - MAX_NAMED),
        )


class _Change(NamedTuple):
    """What one move of hosts comes to."""

    named: list[Any]
    """All that tells it from another, but for the values of vars."""
    values: list[Any]
    title: str
    hosts: Mapping[str, Sequence[str]]
    """Operating system → names."""


def classes(
    moving: Sequence[tuple[HostFacts, Profile | None, Profile]], target: Graph, bases: Mapping[str, Graph]
) -> list[Class]:
    """The classes of hosts that change, by id: disjoint, and together all of them."""
    changes = _changes(moving, target, bases)
    found = _grouped(changes, values=True)
    return found if len(found) <= BY_VALUE else _grouped(changes, values=False)


def choose(classes: Iterable[Class], in_order: Iterable[str], seen: Collection[str]) -> frozenset[str]:
    """Hosts such that each class has one of them on each of its operating systems, unless one of `seen` is there.

    No fewer hosts can do it. As set cover this would be NP-hard, and a greedy choice up to ln(n) + 1 times too large;
    but classes are disjoint and a host has one operating system, so each host covers exactly one pair of both, and one
    host for each pair that is not covered yet is the least that there can be.

    Args:
        in_order: all that may be chosen; of those that would do, the first is.
        seen: hosts that have the change before any canary.
    """
    uncovered = [names for each in classes for names in each.hosts.values() if all(name not in seen for name in names)]
    pair_of: dict[str, int] = {}
    for place, names in enumerate(uncovered):
        pair_of.update(dict.fromkeys(names, place))
    chosen: dict[int, str] = {}
    for name in in_order:
        place = pair_of.get(name, -1)
        if place >= 0 and place not in chosen:
            chosen[place] = name
            if len(chosen) == len(uncovered):
                break
    return frozenset(chosen.values())


def _changes(
    moving: Sequence[tuple[HostFacts, Profile | None, Profile]], target: Graph, bases: Mapping[str, Graph]
) -> list[_Change]:
    from reconciler.previews.moves import Moves, Subject  # models that a plan without canaries has no use for

    grouped: defaultdict[tuple[str | None, int, int, str], list[str]] = defaultdict(list)
    sides: dict[tuple[int, int], tuple[Profile | None, Profile]] = {}
    for facts, base, profile in moving:
        grouped[facts.base, id(base), id(profile), facts.os].append(facts.hostname)
        sides[id(base), id(profile)] = (base, profile)
    by_base: defaultdict[str, dict[tuple[int, int], dict[str, list[str]]]] = defaultdict(dict)
    for (commit, one, two, system), names in grouped.items():
        hosts = by_base[commit if commit in bases else ""].setdefault((one, two), {})  # type: ignore[index]
        hosts.setdefault(system, []).extend(names)
    found: list[_Change] = []
    for commit in sorted(by_base):
        graph = bases[commit] if commit else target
        # A pair of profiles stands for its hosts here: it is told by its number.
        pairs = list(by_base[commit].items())
        subjects = [Subject([str(number)], *sides[pair]) for number, (pair, _) in enumerate(pairs)]
        moves = Moves(graph, target, subjects)
        told: set[str] = set()
        for move in moves.made:
            told.update(move.names)
            found += [_change(move, graph, target, pairs[int(number)][1]) for number in move.names]
        found += [  # other bytes, and all that they say is the same
            _Change(["same"], [], "nothing visible", hosts)
            for number, (_, hosts) in enumerate(pairs)
            if str(number) not in told
        ]
    return found


def _change(move: Move, base: Graph, target: Graph, hosts: Mapping[str, Sequence[str]]) -> _Change:
    static = move.static
    crates = []
    for each in static.crates:
        users = each.name.startswith(_USERCRATE)
        name = each.name.removeprefix(_USERCRATE)
        sides = [
            (linked.crate.sha256, *map(bytes.decode, linked.encoded_content.values())) if linked is not None else None
            for linked in (
                (base.usercrates if users else base.crates).get(name) if each.action != "added" else None,
                (target.usercrates if users else target.crates).get(name) if each.action != "removed" else None,
            )
        ]
        crates.append([each.name, each.action, sides])
    named = [
        static.membership,
        static.environment.model_dump() if static.environment is not None else None,
        static.roles_added,
        static.roles_removed,
        sorted(crates, key=lambda crate: str(crate[0])),
        static.reordered,
        [(var.key, var.action) for var in static.vars],
        static.vars_left_out,
        sorted({ask.pair.id for ask in move.asks}),
    ]
    values = [(var.base, var.other) for var in static.vars]
    return _Change(named, values, _title(move), hosts)


def _title(move: Move) -> str:
    static = move.static
    said = ["now under a match block"] if static.membership == "gained" else []
    said += [f"{crate.name} {crate.action}" for crate in static.crates]
    if static.environment is not None:
        said.append(f"environment {static.environment.base or 'none'} → {static.environment.other or 'none'}")
    said += [f"vars.{var.key} {var.action}" for var in static.vars]
    said += [f"role {role} added" for role in static.roles_added]
    said += [f"role {role} removed" for role in static.roles_removed]
    if static.reordered:
        said.append("crates in another order")
    text = ", ".join(said) or "nothing visible"
    return text if len(text) <= MAX_TITLE else f"{text[: MAX_TITLE - 1]}…"


def _grouped(changes: Iterable[_Change], *, values: bool) -> list[Class]:
    found: dict[str, Class] = {}
    for change in changes:
        body = orjson.dumps(
            [change.named, change.values if values else None], option=orjson.OPT_NON_STR_KEYS, default=str
        )
        digest = hashlib.sha256(body).hexdigest()
        if digest not in found:
            found[digest] = Class(digest, change.title)
        for system, names in change.hosts.items():
            found[digest].hosts.setdefault(system, []).extend(names)
    return [found[digest] for digest in sorted(found)]

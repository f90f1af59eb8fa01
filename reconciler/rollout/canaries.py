"""Canaries: the fewest hosts that show every change on every operating system that it is for.

Hosts for which the same changes form one class: the same crates from the same bytes to the same bytes, the same vars,
environment and roles, the same resources touched by it. What a template makes of vars and traits may still differ from
host to host within a class.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
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
    hosts: list[tuple[str, str]] = field(default_factory=list)
    """Name and operating system."""

    def told(self, chosen: Collection[str]) -> DeltaClass:
        """The class as a plan has it."""
        names = sorted(name for name, _ in self.hosts)
        return DeltaClass(
            id=self.id,
            title=self.title,
            count=len(names),
            systems=dict(sorted(Counter(system for _, system in self.hosts).items())),
            canaries=tuple(name for name in names if name in chosen)[:MAX_NAMED],
            hosts=tuple(names[:MAX_NAMED]),
            left_out=max(0, len(names) - MAX_NAMED),
        )


class _Change(NamedTuple):
    """What one move of hosts comes to."""

    named: list[Any]
    """All that tells it from another, but for the values of vars."""
    values: list[Any]
    title: str
    hosts: list[tuple[str, str]]


def classes(
    moving: Sequence[tuple[HostFacts, Profile | None, Profile]], target: Graph, bases: Mapping[str, Graph]
) -> list[Class]:
    """The classes of hosts that change, by id: disjoint, and together all of them."""
    changes = _changes(moving, target, bases)
    found = _grouped(changes, values=True)
    return found if len(found) <= BY_VALUE else _grouped(changes, values=False)


def choose(classes: Iterable[Class], preferred: Mapping[str, Any], seen: Collection[str]) -> frozenset[str]:
    """Hosts such that each class has one of them on each of its operating systems, unless one of `seen` is there.

    No fewer hosts can do it. As set cover this would be NP-hard, and a greedy choice up to ln(n) + 1 times too large;
    but classes are disjoint and a host has one operating system, so each host covers exactly one pair of both, and one
    host for each pair that is not covered yet is the least that there can be.

    Args:
        preferred: name → what sorts before others where several would do; no two alike.
        seen: hosts that have the change before any canary.
    """
    chosen: set[str] = set()
    for each in classes:
        by_system: defaultdict[str, list[str]] = defaultdict(list)
        for name, system in each.hosts:
            by_system[system].append(name)
        for names in by_system.values():
            if not any(name in seen for name in names):
                chosen.add(min(names, key=preferred.__getitem__))
    return frozenset(chosen)


def _changes(
    moving: Sequence[tuple[HostFacts, Profile | None, Profile]], target: Graph, bases: Mapping[str, Graph]
) -> list[_Change]:
    from reconciler.previews.moves import Moves, Subject  # models that a plan without canaries has no use for

    grouped: defaultdict[str | None, defaultdict[tuple[int, int], list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, (facts, base, profile) in enumerate(moving):
        commit = facts.base if facts.base in bases else None
        grouped[commit][id(base), id(profile)].append(place)
    found: list[_Change] = []
    for commit in sorted(grouped, key=lambda each: each or ""):
        graph = bases[commit] if commit is not None else target
        subjects: list[Subject] = []
        hosts: dict[str, str] = {}
        for places in grouped[commit].values():
            _, base, profile = moving[places[0]]
            names = [moving[place][0].hostname for place in places]
            hosts.update((moving[place][0].hostname, moving[place][0].os) for place in places)
            subjects.append(Subject(names, base, profile))
        moves = Moves(graph, target, subjects)
        made = [_change(move, graph, target, hosts) for move in moves.made]
        found += made
        told = {name for each in made for name, _ in each.hosts}
        rest = [(name, system) for name, system in hosts.items() if name not in told]
        if rest:  # other bytes, and all that they say is the same
            found.append(_Change(["same"], [], "nothing visible", rest))
    return found


def _change(move: Move, base: Graph, target: Graph, systems: Mapping[str, str]) -> _Change:
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
    return _Change(named, values, _title(move), [(name, systems[name]) for name in move.names])


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
        found[digest].hosts.extend(change.hosts)
    return [found[digest] for digest in sorted(found)]

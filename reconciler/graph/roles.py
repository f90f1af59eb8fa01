"""Roles, expanded: which crates and vars a list of roles brings, each role once, its `includes` before itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from reconciler.documents import Document, Documents, Kind
from reconciler.graph.scopes import Layer, is_simple, unique
from schema.documents.roles import RoleEntry, Roles
from schema.merging import merge


class Expansion(NamedTuple):
    """What a list of roles brings."""

    crates: Mapping[str, str]
    """Crate → label: `role:` and the listed role that brought it."""
    layers: tuple[Layer, ...]
    vars: dict[str, Any]
    simple: bool = True
    """Whether its vars need no second look: plain to encode, and nothing in them still to append."""
    conflicts: tuple[tuple[str, ...], ...] = ()
    """Paths of appends to what is no list."""


EMPTY: Final = Expansion({}, (), {})


@dataclass(slots=True)
class RoleSet:
    """The roles of one tree."""

    document: Document | None = None
    entries: Mapping[str, RoleEntry] = field(default_factory=dict)
    whole: bool = True
    cycles: list[list[str]] = field(default_factory=list)
    closures: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Role → the roles it brings, in order, itself last."""
    expansions: dict[tuple[str, ...], Expansion] = field(default_factory=dict)

    def expand(self, roles: tuple[str, ...]) -> Expansion:
        """What these roles bring, in this order; roles that do not exist bring nothing."""
        found = self.expansions.get(roles)
        if found is None:
            found = self.expansions[roles] = self._expand(roles)
        return found

    def _expand(self, roles: Sequence[str]) -> Expansion:
        if self.document is None:
            return EMPTY
        crates: dict[str, str] = {}
        layers: list[Layer] = []
        merged: dict[str, Any] = {}
        done: set[str] = set()
        clashes: list[tuple[str, ...]] = []
        for listed in roles:
            label = f"role:{listed}"
            for name in self.closures.get(listed, ()):
                if name in done:
                    continue
                done.add(name)
                entry = self.entries[name]
                for crate in entry.configcrates:
                    crates.setdefault(crate, label)
                if entry.vars:
                    layers.append(Layer(label, self.document, ("roles", name, "vars"), entry.vars))
                    merged = merge(merged, entry.vars, clashes)
        return Expansion(crates, tuple(layers), merged, is_simple(layers, merged), tuple(clashes))


def read(documents: Documents, before: RoleSet | None) -> tuple[RoleSet, frozenset[str]]:
    """The roles of a tree, and which of them mean something else than before."""
    document = next(iter(documents.of(Kind.ROLES)), None)
    if before is not None and before.document is document:
        return before, frozenset()
    model = document.parsed.model if document is not None else None
    entries = model.roles if isinstance(model, Roles) else {}
    found = RoleSet(document, entries, whole=document is None or document.parsed.whole)
    _close(found)
    old = before or RoleSet()
    if before is not None and found.whole != old.whole:
        return found, frozenset({*entries, *old.entries})
    changed = {
        name
        for name in {*entries, *old.entries}
        if found.closures.get(name) != old.closures.get(name)
        or any(entries[each] != old.entries.get(each) for each in found.closures.get(name, ()))
    }
    return found, frozenset(changed)


def _close(roles: RoleSet) -> None:
    """Fill `closures` and `cycles`; a role in a cycle is expanded without the include that closes it."""
    entries, closures = roles.entries, roles.closures
    for start in entries:
        way: list[tuple[str, Iterator[str]]] = []
        if start not in closures:
            way.append((start, iter(entries[start].includes)))
        on_way = {start}
        while way:
            name, includes = way[-1]
            include = next(includes, None)
            if include is None:
                order = [each for included in entries[name].includes for each in closures.get(included, ())]
                closures[name] = unique((*order, name))
                on_way.discard(name)
                way.pop()
            elif include in on_way:
                cycle = [each for each, _ in way]
                roles.cycles.append(cycle[cycle.index(include) :])
            elif include in entries and include not in closures:
                on_way.add(include)
                way.append((include, iter(entries[include].includes)))

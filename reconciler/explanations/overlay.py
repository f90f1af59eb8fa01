"""Overlay: which of many writings of vars are alive in the end, leaf by leaf.

Vars merge by key, so each leaf of the maps has its own writers. This follows `schema.merging` with the writers in the
place of the values; a test holds the one against the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar

from schema.merging import APPEND

Keys = tuple[str, ...]
T = TypeVar("T")


class Leaf(NamedTuple):
    """One value that is no map, or an empty one."""

    keys: Keys
    """Where it is merged: without the sign of an append."""
    written: Keys
    """Where it is written."""
    value: Any
    append: bool

    @property
    def dotted(self) -> str:
        """As people write it."""
        return ".".join(self.keys)


def leaves(vars_: Mapping[str, Any]) -> Iterator[Leaf]:
    """The leaves of vars as one layer writes them, in order. A list is one leaf."""
    stack: list[tuple[Keys, Keys, Mapping[str, Any]]] = [((), (), vars_)]
    while stack:
        keys, written, around = stack.pop()
        below = []
        for key, value in around.items():
            append = key.endswith(APPEND) and len(key) > 1 and isinstance(value, list)
            name = key[: -len(APPEND)] if append else key
            if isinstance(value, dict) and value:
                below.append(((*keys, name), (*written, key), value))
            else:
                yield Leaf((*keys, name), (*written, key), value, append)
        stack += reversed(below)


class Overlay(Generic[T]):
    """Leaves that are alive, each with those who wrote it: one, or with appends several."""

    def __init__(self) -> None:
        self.live: Final[dict[Keys, list[T]]] = {}
        self._below: Final[dict[Keys, set[Keys]]] = defaultdict(set)

    def put(self, leaf: Leaf, writer: T) -> list[T]:
        """Write a leaf over the weaker ones; those whose writing it ends."""
        keys, live = leaf.keys, self.live
        below = self._below.get(keys)
        if below and isinstance(leaf.value, dict):
            return []  # an empty map over a map that has keys changes nothing
        gone = live.get(keys)
        if gone is not None:
            live[keys] = [*gone, writer] if leaf.append else [writer]
            return [] if leaf.append else gone
        gone = []
        if below or len(keys) > 1:
            gone = [each for path in list(self.ended_by(keys)) for each in self._drop(path)]
            for depth in range(1, len(keys)):
                self._below[keys[:depth]].add(keys)
        live[keys] = [writer]
        return gone

    def ended_by(self, keys: Keys) -> Iterator[Keys]:
        """The live leaves that a value here would take the place of: itself, what is above it, what is below it."""
        for depth in range(1, len(keys) + 1):
            if keys[:depth] in self.live:
                yield keys[:depth]
        yield from self._below.get(keys, ())

    def _drop(self, path: Keys) -> list[T]:
        for depth in range(1, len(path)):
            self._below[path[:depth]].discard(path)
        return self.live.pop(path)


def overlaid(layers: Iterable[tuple[Mapping[str, Any], T]]) -> Overlay[T]:
    """The overlay of layers, from weak to strong, each with its writer."""
    found: Overlay[T] = Overlay()
    for vars_, writer in layers:
        for leaf in leaves(vars_):
            found.put(leaf, writer)
    return found


class Word(NamedTuple):
    """What one layer says about one var."""

    written: Keys
    value: Any
    append: bool
    blocks: bool = False
    """It says something of what the var would be part of, so that the var is not there."""


def word_on(vars_: Mapping[str, Any], dotted: str) -> Word | None:
    """What a layer says about a dotted var; keys may themselves have dots."""
    if dotted in vars_:
        return Word((dotted,), vars_[dotted], append=False)
    if isinstance(vars_.get(dotted + APPEND), list):
        return Word((dotted + APPEND,), vars_[dotted + APPEND], append=True)
    if "." not in dotted:
        return None
    blocked = None
    for end in range(len(dotted) - 1, 0, -1):
        if dotted[end] != "." or (head := dotted[:end]) not in vars_:
            continue
        inner = vars_[head]
        if isinstance(inner, Mapping):
            found = word_on(inner, dotted[end + 1 :])
            if found is not None and not found.blocks:
                return found._replace(written=(head, *found.written))
            if found is not None:
                blocked = found._replace(written=(head, *found.written))
        else:
            blocked = Word((head,), inner, append=False, blocks=True)
    return blocked

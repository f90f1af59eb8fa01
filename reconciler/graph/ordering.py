"""Order: cycles found and shown, and a list put behind what it waits for without moving more than it must."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Node:
    """One resource within the graph of its crate."""

    id: str
    requires: list[Node] = field(default_factory=list)
    """What must be converged before it."""
    notify: list[Node] = field(default_factory=list)
    """What runs after it changed."""

    @property
    def short(self) -> str:
        """Its name within the crate."""
        return self.id.partition("/")[2]


def cycles(nodes: Sequence[T], waits_for: Callable[[T], Iterable[T]]) -> list[list[T]]:
    """Rings of nodes of which each waits for the next; one for each link that closes a ring."""
    done: set[int] = set()
    found: list[list[T]] = []
    for start in nodes:
        if id(start) in done:
            continue
        way: list[T] = [start]
        open_: dict[int, int] = {id(start): 0}
        stack = [iter(waits_for(start))]
        while stack:
            other = next(stack[-1], None)
            if other is None:
                stack.pop()
                left = way.pop()
                del open_[id(left)]
                done.add(id(left))
            elif id(other) in open_:
                found.append(way[open_[id(other)] :])
            elif id(other) not in done:
                open_[id(other)] = len(way)
                way.append(other)
                stack.append(iter(waits_for(other)))
    return found


def settle(names: Sequence[str], requires: Mapping[str, Sequence[str]]) -> list[str]:
    """The names in an order in which each stands behind what it requires; otherwise as they stood.

    What is required but not among the names is passed over; within a ring the given order stays.
    """
    if not any(requires.get(name) for name in names):
        return list(names)
    present = set(names)
    placed: dict[str, None] = {}
    for start in names:
        if start in placed:
            continue
        stack = [(start, iter(requires.get(start, ())))]
        on_way = {start}
        while stack:
            name, waits = stack[-1]
            other = next(waits, None)
            if other is None:
                stack.pop()
                placed[name] = None
            elif other in present and other not in placed and other not in on_way:
                on_way.add(other)
                stack.append((other, iter(requires.get(other, ()))))
    return list(placed)

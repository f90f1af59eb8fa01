"""Overlays: a mapping or list with some values in others' stead, which shares all else with the one it was made from.

A commit changes a handful of 50,000 values. To copy them all is to look at each, which in a large repository is most of
what the commit costs. What is laid over is merged in once it has grown to a share of what is below.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from typing import Any, Final, TypeVar, overload

_K = TypeVar("_K")
_V = TypeVar("_V")

_SMALL: Final = 256
_SHARE: Final = 32
"""One value in so many may be laid over before all are copied."""


def overlaid(before: Mapping[_K, _V], changes: Mapping[_K, _V]) -> Mapping[_K, _V]:
    """A mapping with other values at some of its keys, in the same order. `before` must never change again."""
    if not changes:
        return before
    base, over = (before.base, {**before.over, **changes}) if isinstance(before, OverlaidMapping) else (before, changes)
    if len(over) > _SMALL + len(base) // _SHARE:
        return {**base, **over}
    return OverlaidMapping(base, over)


def overlaid_list(before: Sequence[_V], changes: Mapping[int, _V]) -> Sequence[_V]:
    """A list with other values at some places. `before` must never change again."""
    if not changes:
        return before
    base, over = (before.base, {**before.over, **changes}) if isinstance(before, OverlaidList) else (before, changes)
    made = OverlaidList(base, over)
    return made if len(over) <= _SMALL + len(base) // _SHARE else made.copy()


class OverlaidMapping(Mapping[_K, _V]):
    """What `overlaid` gives."""

    __slots__ = ("base", "over")

    def __init__(self, base: Mapping[_K, _V], over: Mapping[_K, _V]) -> None:
        self.base: Final = base
        self.over: Final = over

    def __repr__(self) -> str:
        return repr(dict(self))

    def __getitem__(self, key: _K) -> _V:
        over = self.over
        return over[key] if key in over else self.base[key]

    def get(self, key: _K, default: Any = None) -> Any:
        """The value at a key, or something else."""
        over = self.over
        return over[key] if key in over else self.base.get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self.base

    def __iter__(self) -> Iterator[_K]:
        return iter(self.base)

    def __len__(self) -> int:
        return len(self.base)

    def keys(self) -> KeysView[_K]:
        """The keys, in order."""
        return self.base.keys()

    def values(self) -> ValuesView[_V]:
        """The values, in the order of their keys."""
        return _Values(self)

    def items(self) -> ItemsView[_K, _V]:
        """Keys and values, in order."""
        return _Items(self)


class _Values(ValuesView[_V]):
    _mapping: OverlaidMapping[Any, _V]

    def __iter__(self) -> Iterator[_V]:
        over = self._mapping.over
        return (over.get(key, value) for key, value in self._mapping.base.items())


class _Items(ItemsView[_K, _V]):
    _mapping: OverlaidMapping[_K, _V]

    def __iter__(self) -> Iterator[tuple[_K, _V]]:
        over = self._mapping.over
        return ((key, over[key]) if key in over else (key, value) for key, value in self._mapping.base.items())


class OverlaidList(Sequence[_V]):
    """What `overlaid_list` gives."""

    __slots__ = ("base", "over")

    def __init__(self, base: Sequence[_V], over: Mapping[int, _V]) -> None:
        self.base: Final = base
        self.over: Final = over

    @overload
    def __getitem__(self, at: int) -> _V: ...
    @overload
    def __getitem__(self, at: slice) -> list[_V]: ...
    def __getitem__(self, at: int | slice) -> _V | list[_V]:
        over, base = self.over, self.base
        if isinstance(at, slice):
            return [over[each] if each in over else base[each] for each in range(*at.indices(len(base)))]
        if at < 0:
            at += len(base)
        return over[at] if at in over else base[at]

    def __iter__(self) -> Iterator[_V]:
        over = self.over
        return (over.get(at, value) for at, value in enumerate(self.base))

    def __len__(self) -> int:
        return len(self.base)

    def copy(self) -> list[_V]:
        """A list of its own."""
        copied = list(self.base)
        for at, value in self.over.items():
            copied[at] = value
        return copied

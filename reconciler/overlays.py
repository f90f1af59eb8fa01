"""Overlays: a mapping or list that is another but for a few values, and shares all else with it.

A commit changes, adds or takes away a handful of 50,000 values. To copy them all is to look at each, which in a large
repository is most of what the commit costs. What is laid over is merged in once it has grown to a share of what is
below.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, ItemsView, Iterable, Iterator, KeysView, Mapping, Sequence, ValuesView
from itertools import chain
from typing import Any, Final, Generic, NamedTuple, TypeVar, overload

_K = TypeVar("_K")
_V = TypeVar("_V")

_SMALL: Final = 256
_SHARE: Final = 32
"""One value in so many may be laid over before all are copied."""
_PIECES: Final = 512
"""Of a list, before it is one again. To find a value takes a search among them."""
_ABSENT: Final = object()


def overlaid(before: Mapping[_K, _V], changes: Mapping[_K, _V], gone: Collection[_K] = ()) -> Mapping[_K, _V]:
    """A mapping with other values at some of its keys, and without some. `before` must never change again.

    The order is that of `before`. A new key stands before the first one that is greater: where `before` is sorted, so
    is what is made.

    Args:
        gone: keys, none of them among those of `changes`.
    """
    if not changes and not gone:
        return before
    known = before if isinstance(before, OverlaidMapping) else OverlaidMapping(before, {}, (), frozenset())
    base, left = known.base, known.gone
    over = {**known.over, **changes}
    came = {key for key in changes if key not in base}.union(known.came)
    if gone:
        for key in gone:
            over.pop(key, None)
        came.difference_update(gone)
        left = left.union(key for key in gone if key in base)
    if left:
        left = left.difference(changes)
    ordered: Any = came
    made = OverlaidMapping(base, over, tuple(sorted(ordered)), left)
    return made if len(over) + len(left) <= _SMALL + len(base) // _SHARE else made.copy()


def differences(one: Mapping[_K, _V], other: Mapping[_K, _V]) -> set[_K]:
    """The keys at which two mappings do not have the same object. Quick where one was made from the other."""
    keys: set[_K] = set()
    if one is not other:
        (base, changed), (other_base, other_changed) = _parts(one), _parts(other)
        keys = {*changed, *other_changed} if base is other_base else {*one, *other}
    absent: Any = _ABSENT
    return {key for key in keys if one.get(key, absent) is not other.get(key, absent)}


def _parts(of: Mapping[_K, _V]) -> tuple[Mapping[_K, _V], Iterable[_K]]:
    return (of.base, (*of.over, *of.gone)) if isinstance(of, OverlaidMapping) else (of, ())


class OverlaidMapping(Mapping[_K, _V]):
    """What `overlaid` gives."""

    __slots__ = ("base", "came", "gone", "over")

    def __init__(self, base: Mapping[_K, _V], over: Mapping[_K, _V], came: tuple[_K, ...], gone: frozenset[_K]) -> None:
        self.base: Final = base
        self.over: Final = over
        self.came: Final = came
        """Keys of `over` that `base` has not, sorted."""
        self.gone: Final = gone
        """Keys of `base` that are not here."""

    def __repr__(self) -> str:
        return repr(dict(self))

    def __getitem__(self, key: _K) -> _V:
        over = self.over
        if key in over:
            return over[key]
        if key in self.gone:
            raise KeyError(key)
        return self.base[key]

    def get(self, key: _K, default: Any = None) -> Any:
        """The value at a key, or something else."""
        over = self.over
        if key in over:
            return over[key]
        return default if key in self.gone else self.base.get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self.over or (key in self.base and key not in self.gone)

    def __iter__(self) -> Iterator[_K]:
        if not self.came and not self.gone:
            return iter(self.base)
        return (key for key, _ in self.items())

    def __len__(self) -> int:
        return len(self.base) + len(self.came) - len(self.gone)

    def keys(self) -> KeysView[_K]:
        """The keys, in order."""
        return KeysView(self) if self.came or self.gone else self.base.keys()

    def values(self) -> ValuesView[_V]:
        """The values, in the order of their keys."""
        return _Values(self)

    def items(self) -> ItemsView[_K, _V]:
        """Keys and values, in order."""
        return _Items(self)

    def copy(self) -> dict[_K, _V]:
        """A mapping of its own."""
        return dict(self.items()) if self.came or self.gone else {**self.base, **self.over}


class _Values(ValuesView[_V]):
    _mapping: OverlaidMapping[Any, _V]

    def __iter__(self) -> Iterator[_V]:
        return (value for _, value in self._mapping.items())


class _Items(ItemsView[_K, _V]):
    _mapping: OverlaidMapping[_K, _V]

    def __iter__(self) -> Iterator[tuple[_K, _V]]:
        over, gone, base = self._mapping.over, self._mapping.gone, self._mapping.base
        came: Any = self._mapping.came
        if not came and not gone:
            return ((key, over[key]) if key in over else (key, value) for key, value in base.items())
        return self._merged(over, gone, list(reversed(came)))

    def _merged(self, over: Mapping[_K, _V], gone: Collection[_K], came: list[Any]) -> Iterator[tuple[_K, _V]]:
        for key, value in self._mapping.base.items():
            while came and came[-1] < key:
                fresh = came.pop()
                yield fresh, over[fresh]
            if key in over:
                yield key, over[key]
            elif key not in gone:
                yield key, value
        for fresh in reversed(came):
            yield fresh, over[fresh]


class Splice(NamedTuple):
    """What is to stand in a list in the stead of a part of it."""

    start: int
    stop: int
    values: Sequence[Any]


_Piece = tuple[Sequence[_V], int, int]
"""A part of a list: from, to."""


def spliced(before: Sequence[_V], splices: Sequence[Splice]) -> Sequence[_V]:
    """A list with other values in the stead of some parts. `before`, and what comes in, must never change again.

    Args:
        splices: by place in `before`, none touching what another takes away.
    """
    if not splices:
        return before
    if len(splices) > _PIECES:
        return _copied(before, splices)
    known = before if isinstance(before, SplicedList) else SplicedList([(before, 0, len(before))])
    made: list[_Piece[_V]] = []
    at = 0
    for start, stop, values in splices:
        made += known.cut(at, start)
        if values:
            made.append((values, 0, len(values)))
        at = stop
    made += known.cut(at, len(known))
    found = SplicedList(made)
    return found if len(made) <= _PIECES else list(found)


def _copied(before: Sequence[_V], splices: Sequence[Splice]) -> list[_V]:
    known, made, at = list(before), list[_V](), 0
    for start, stop, values in splices:
        made += known[at:start]
        made += values
        at = stop
    return made + known[at:]


class SplicedList(Sequence[_V]):
    """What `spliced` gives."""

    __slots__ = ("_length", "_pieces", "_starts")

    def __init__(self, pieces: list[_Piece[_V]]) -> None:
        self._pieces: Final = pieces
        self._starts: Final[list[int]] = []
        at = 0
        for _, start, stop in pieces:
            self._starts.append(at)
            at += stop - start
        self._length: Final = at

    @overload
    def __getitem__(self, at: int) -> _V: ...
    @overload
    def __getitem__(self, at: slice) -> list[_V]: ...
    def __getitem__(self, at: int | slice) -> _V | list[_V]:
        if isinstance(at, slice):
            start, stop, step = at.indices(self._length)
            if step != 1:
                return list(self)[at]
            return list(chain.from_iterable(_values(piece) for piece in self.cut(start, stop)))
        if at < 0:
            at += self._length
        if not 0 <= at < self._length:
            raise IndexError(at)
        number = bisect_right(self._starts, at) - 1
        values, start, _ = self._pieces[number]
        return values[start + at - self._starts[number]]

    def __iter__(self) -> Iterator[_V]:
        return chain.from_iterable(map(_values, self._pieces))

    def __len__(self) -> int:
        return self._length

    def cut(self, start: int, stop: int) -> list[_Piece[_V]]:
        """The pieces of a part; none is empty."""
        found: list[_Piece[_V]] = []
        number = bisect_right(self._starts, start) - 1
        while start < stop:
            values, first, last = self._pieces[number]
            begins = first + start - self._starts[number]
            ends = min(last, begins + stop - start)
            found.append((values, begins, ends))
            start += ends - begins
            number += 1
        return found


def _values(piece: _Piece[_V]) -> Sequence[_V]:
    values, start, stop = piece
    return values if stop - start == len(values) else values[start:stop]


class Layers(Generic[_K, _V]):
    """A mapping that is written to over one that others share. What is taken away is put there as something empty.

    What has been forked must not be written to any more.
    """

    __slots__ = ("base", "own")

    def __init__(self) -> None:
        self.base: dict[_K, _V] = {}
        """Shared."""
        self.own: dict[_K, _V] = {}
        """Of which a value stands in the stead of one of `base`."""

    def fork(self) -> Layers[_K, _V]:
        """One that is as this is, to be written to."""
        made: Layers[_K, _V] = Layers()
        if len(self.own) <= _SMALL + len(self.base) // _SHARE:
            made.base, made.own = self.base, dict(self.own)
        elif self.base:
            made.base = {key: value for key, value in {**self.base, **self.own}.items() if value}
        else:
            made.base = self.own
        return made

    def get(self, key: _K) -> _V | None:
        """The value at a key; something empty, or None, where there is none."""
        found = self.own.get(key)
        return self.base.get(key) if found is None else found

    def put(self, key: _K, value: _V) -> None:
        """Write a value."""
        self.own[key] = value

    def values(self) -> list[_V]:
        """All values."""
        own = self.own
        return [*own.values(), *(value for key, value in self.base.items() if key not in own)]

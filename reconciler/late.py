"""Late: objects that are made with some fields open, which are filled when one of those is first asked for.

What a process kept on disk says of 8,000 profiles which there are and what the digests of their catalogs are. Most are
never asked for more. The rest of each is computed when somebody asks, from the same files and to the same values.

An open object is of a class of its own, below the one that it is meant to be, and becomes one of that when it is
filled: a hook for missing attributes would make every attribute of every object slower to reach.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

_T = TypeVar("_T", bound="Late")
Fill = Callable[[Any], None]
"""Sets every open field of the object that it is given."""


_opened: dict[type[Any], type[Any]] = {}


class Late:
    """The base of classes of which objects may be filled late. One that is made as usual costs nothing more."""

    __slots__ = ("_fill",)
    _fill: Fill | None
    is_open: ClassVar[bool] = False


def opened(kind: type[_T]) -> type[_T]:
    """The class of open objects of a class."""
    found = _opened.get(kind)
    if found is None:
        body = {"__slots__": (), "__getattr__": _missing, "__doc__": kind.__doc__, "is_open": True}
        found = _opened[kind] = type(kind.__name__, (kind,), body)
    return found


def open_(kind: type[_T], fill: Fill, **known: Any) -> _T:
    """An object of which only these fields are known yet."""
    made: _T = object.__new__(opened(kind))
    put = object.__setattr__
    for name, value in known.items():
        put(made, name, value)
    put(made, "_fill", fill)
    return made


def close(made: Late, **fields: Any) -> None:
    """Fill all that is open. The last step makes it an object as any other, whoever looks meanwhile."""
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    object.__setattr__(made, "_fill", None)
    if made.is_open:
        object.__setattr__(made, "__class__", type(made).__mro__[1])


def is_filled(made: Late) -> bool:
    """Whether nothing of an object is open."""
    return not made.is_open


def _missing(made: Any, name: str) -> Any:
    fill = None if name.startswith("__") else object.__getattribute__(made, "_fill")
    if fill is not None:
        fill(made)
    return object.__getattribute__(made, name)

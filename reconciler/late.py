"""Late: objects that are made with some fields open, which are filled when one of those is first asked for.

What a process kept on disk says of 8,000 profiles which there are and what the digests of their catalogs are. Most are
never asked for more. The rest of each is computed when somebody asks, from the same files and to the same values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

_T = TypeVar("_T")
Fill = Callable[[Any], None]
"""Sets every open field of the object that it is given."""


class Late:
    """The base of classes of which objects may be filled late. One that is made as usual costs nothing more."""

    __slots__ = ("_fill",)
    _fill: Callable[[Any], None] | None

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            try:
                fill = object.__getattribute__(self, "_fill")
            except AttributeError:
                fill = None
            if fill is None:
                raise AttributeError(f"{type(self).__name__} has no attribute {name}")
            fill(self)
            return object.__getattribute__(self, name)


def open_(kind: type[_T], fill: Fill, **known: Any) -> _T:
    """An object of which only these fields are known yet."""
    made = object.__new__(kind)
    put = object.__setattr__
    for name, value in known.items():
        put(made, name, value)
    put(made, "_fill", fill)
    return made


def close(made: Late, **fields: Any) -> None:
    """Fill all that is open, at once for whoever looks: the last step makes it an object as any other."""
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    object.__setattr__(made, "_fill", None)


def is_filled(made: Late) -> bool:
    """Whether nothing of an object is open."""
    return getattr(made, "_fill", None) is None

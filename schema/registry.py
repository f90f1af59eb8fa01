"""A mapping of names that are known to things that are loaded when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """Those that were asked for stay in memory; to look through the values loads them all.

    Args:
        names: in the order of iteration.
        load: from one of the names to what it stands for.
    """

    def __init__(self, names: Sequence[str], load: Callable[[str], T]) -> None:
        self._names: Final = dict.fromkeys(names)
        self._load: Final = load
        self._loaded: Final[dict[str, T]] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self._loaded:
            if name not in self._names:
                raise KeyError(name)
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def get(self, name: str, default: Any = None) -> Any:
        """What a name stands for, or something else: a compile asks for each resource, and pays for no exception."""
        return self._loaded.get(name) or super().get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

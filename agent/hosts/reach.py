"""Whether the programs that are started from here on may reach other machines.

A resource type declares it (`ResourceType.needs_network`), the engine says it around the type's functions, and the
host that starts a program asks. Where nothing is said, they may not: `agent.errands` starts those that may.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Final

_NETWORK: Final = ContextVar("network", default=False)


def network() -> bool:
    """Whether a program that is started now has declared that it needs the network."""
    return _NETWORK.get()


def declared(needed: bool) -> AbstractContextManager[None]:  # noqa: FBT001 - the one thing that is declared
    """While the block runs, programs need the network, or do not."""
    return _AS_IT_IS if needed == _NETWORK.get() else _Declared(needed)


class _Declared(AbstractContextManager[None]):
    """A class, since a generator costs three times as much."""

    __slots__ = ("_before", "_needed")

    def __init__(self, needed: bool) -> None:  # noqa: FBT001
        self._needed = needed

    def __enter__(self) -> None:
        self._before = _NETWORK.set(self._needed)

    def __exit__(self, *_: object) -> None:
        _NETWORK.reset(self._before)


_AS_IT_IS: Final = nullcontext()
"""Of most resources, a thousand times a run: nothing to set, and nothing to set back."""

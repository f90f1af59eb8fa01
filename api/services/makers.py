"""Makers: whose the commits between two are, as the thread knows where commits are judged.

Apart from who may sign what, so that whatever needs somebody else's word can ask.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from api.services.container import Services


class Makers(NamedTuple):
    """Whose some commits are."""

    accounts: frozenset[str] = frozenset()
    """By their signatures."""
    addresses: frozenset[str] = frozenset()
    """Of their authors, as typed."""


NOBODY: Final = Makers()
Ask = Callable[[str, str | None], Awaitable[Makers]]
"""Commit and base → whose they are."""


async def of(services: Services, commit: str, base: str | None) -> Makers:
    """Whose the commits from `base` up to this one are; nobody's where no repository is followed.

    Raises:
        Fault: git cannot give them.
    """
    ask: Ask | None = services.own.get("makers")
    return await ask(commit, base) if ask is not None else NOBODY

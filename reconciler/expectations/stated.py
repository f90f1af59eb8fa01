"""What a test states of its hosts: traits, and answers to what expressions ask. All else raises, as unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final, NoReturn

from schema import traits
from schema.documents.tests import Answers
from schema.expressions import ExpressionError, Kind

_ABSENT: Final = object()


class StatedTraits(dict[str, Any]):
    """Traits of which only some are known.

    A map whose keys traits declare (`os`, `hardware` ...) is known key by key; one that is open (`packages`, `users`
    ...) is known whole once it is stated. A key stated as null is one that the host does not have.
    """

    def __init__(self, stated: Mapping[str, Any], above: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._above: Final = above
        self._denied: Final = frozenset(key for key, value in stated.items() if value is None)
        for key, value in stated.items():
            if value is not None:
                super().__setitem__(key, _known(value, (*above, key)))
        for key in _closed_maps(above):
            if key not in stated:
                super().__setitem__(key, StatedTraits({}, (*above, key)))

    def __missing__(self, key: Any) -> NoReturn:
        self._unless_known_to_be_absent(key)
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        if super().__contains__(key):
            return True
        self._unless_known_to_be_absent(key)
        return False

    def get(self, key: Any, default: Any = None) -> Any:
        """What stands at a key; `default` where it is known that nothing does."""
        return super().__getitem__(key) if key in self else default

    def __iter__(self) -> Iterator[str]:
        self._never_whole()

    def __len__(self) -> int:
        self._never_whole()

    def keys(self) -> Any:
        """Nobody knows."""
        self._never_whole()

    def values(self) -> Any:
        """Nobody knows."""
        self._never_whole()

    def items(self) -> Any:
        """Nobody knows."""
        self._never_whole()

    def __eq__(self, other: object) -> bool:
        self._never_whole()

    __hash__ = None

    def _unless_known_to_be_absent(self, key: object) -> None:
        parts = (*self._above, str(key))
        if key not in self._denied and traits.lookup(parts) is not None:
            raise unknown_trait(".".join(parts))

    def _never_whole(self) -> NoReturn:
        raise unknown_trait(".".join(self._above) or "(all of them)")


class StatedAnswers:
    """What expressions are told when they ask the host (`schema.expressions.HostFunctions`)."""

    def __init__(self, answers: Answers) -> None:
        self._answers: Final = answers

    def file_exists(self, path: str) -> bool:
        """As stated."""
        return _answer("file_exists", self._answers.file_exists, path)

    def dir_exists(self, path: str) -> bool:
        """As stated."""
        return _answer("dir_exists", self._answers.dir_exists, path)

    def process_running(self, name: str) -> bool:
        """As stated."""
        return _answer("process_running", self._answers.process_running, name)

    def command_succeeds(self, command: str) -> bool:
        """As stated."""
        return _answer("command_succeeds", self._answers.command_succeeds, command)

    def now(self) -> datetime:
        """As stated."""
        if self._answers.now is None:
            raise ExpressionError("the time of day: give it as answers: {now: ...}", Kind.UNKNOWN)
        return datetime.fromisoformat(self._answers.now)


def unknown_trait(path: str) -> ExpressionError:
    """What a look at a trait raises that the test does not state."""
    return ExpressionError(f"traits.{path}: give it under the test's traits", Kind.UNKNOWN)


def _known(value: Any, path: tuple[str, ...]) -> Any:
    if not isinstance(value, dict):
        return value
    if traits.lookup((*path, traits.ANY)) is None:
        return StatedTraits(value, path)
    return {key: _known(below, (*path, key)) for key, below in value.items() if below is not None}


@cache
def _closed_maps(above: tuple[str, ...]) -> frozenset[str]:
    """The maps below a path that every host has, whatever is in them."""
    depth = len(above)
    declared = [each.split(".") for each in traits.TRAITS]
    names = {parts[depth] for parts in declared if tuple(parts[:depth]) == above and len(parts) > depth + 1}
    closed = [name for name in names if name != traits.ANY and traits.lookup((*above, name, traits.ANY)) is None]
    return frozenset(closed)


def _answer(function: str, answers: Mapping[str, bool], about: str) -> bool:
    found = answers.get(about, _ABSENT)
    if found is _ABSENT:
        raise ExpressionError(f"{function}({about!r}): give it as answers: {{{function}: ...}}", Kind.UNKNOWN)
    return bool(found)

"""Blaming: the lines of an answer, each with the commit that last changed it, as far as history tells in a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from schema.errors import Fault
from schema.explanations import Blamed, Causes, Explanation, Line
from schema.time import Instant

MAX_LINES: Final = 64
"""Of one answer; the rest keep their places without a commit."""
WITHIN_S: Final = 1.0
"""For all lines of one answer together."""


class Commit(Protocol):
    """Of `reconciler.repository.CommitInfo`, what is shown."""

    @property
    def commit(self) -> str: ...
    @property
    def author(self) -> str: ...
    @property
    def time(self) -> Instant: ...
    @property
    def summary(self) -> str: ...


class History(Protocol):
    """Of `reconciler.repository.Repository`, what is asked."""

    def blame(self, commit: str, path: str, line: int, /, *, within_s: float) -> Commit | None:
        """Who last changed a line of a file, as a commit has it."""
        ...


class Wanted(NamedTuple):
    """A line of a commit."""

    commit: str
    path: str
    line: int


def lines(answer: Explanation | Causes) -> list[tuple[Wanted, Line]]:
    """The lines of an answer whose commit can be asked for, the first ones where there are many."""
    found = _of_explanation(answer) if isinstance(answer, Explanation) else _of_causes(answer)
    return [(Wanted(commit, line.file, line.line), line) for commit, line in found if commit][:MAX_LINES]


def look_up(
    history: History,
    wanted: Sequence[Wanted],
    *,
    within_s: float = WITHIN_S,
    monotonic: Callable[[], float] = time.monotonic,
) -> list[Blamed | None]:
    """Who last changed each line; None where that is not known, or time is up."""
    deadline = monotonic() + within_s
    known: dict[Wanted, Blamed | None] = {}
    for each in wanted:
        left = deadline - monotonic()
        if each not in known:
            known[each] = _one(history, each, left) if left > 0 else None
    return [known[each] for each in wanted]


def blame(answer: Explanation | Causes, history: History) -> None:
    """Write into an answer who last changed its lines."""
    found = lines(answer)
    fill(found, look_up(history, [wanted for wanted, _ in found]))


def fill(found: Sequence[tuple[Wanted, Line]], blamed: Sequence[Blamed | None]) -> None:
    """Write what was looked up into the lines it was looked up for."""
    for (_, line), commit in zip(found, blamed, strict=True):
        line.blame = commit


def _one(history: History, wanted: Wanted, within_s: float) -> Blamed | None:
    try:
        found = history.blame(*wanted, within_s=within_s)
    except Fault:
        return None
    if found is None:
        return None
    return Blamed(commit=found.commit, author=found.author, time=found.time, summary=found.summary)


def _of_explanation(answer: Explanation) -> Iterator[tuple[str | None, Line]]:
    links = [*answer.chain, *([answer.kept_out] if answer.kept_out else ()), *(answer.instead or ())]
    shown = [link.at for link in links if link.at is not None]
    return ((answer.commit, line) for line in (*shown, *(layer.at for layer in answer.layers or ())))


def _of_causes(answer: Causes) -> Iterator[tuple[str | None, Line]]:
    for cause in answer.causes:
        if cause.at is not None:
            yield (answer.other if cause.of == "other" else answer.one).commit, cause.at
        if cause.other_at is not None:
            yield answer.other.commit, cause.other_at

"""What an expression asks for: paths and words, each with its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from schema.expressions.functions import CLOCK_FUNCTIONS, TRAIT_FUNCTIONS

RESOURCE_ROOTS: Final = frozenset({"vars", "traits", "item", "host"})
"""Names that an expression of a resource or crate may begin with."""
USER_ROOTS: Final = RESOURCE_ROOTS | {"user"}
"""The same in a usercrate."""
TASK_ROOTS: Final = frozenset({"params", "traits", "host"})
WORKFLOW_ROOTS: Final = frozenset({"inputs", "steps"})

EACH: Final = "[]"
"""In a path: every item of a list, or every value of a map."""

Path = tuple[str | int, ...]
"""`("vars", "vhosts", EACH, "name")`: root first."""


def dotted(path: Path) -> str:
    """A path as people write it."""
    return ".".join(map(str, path)).replace(f".{EACH}", EACH)


class PathUse(NamedTuple):
    """One place that asks for a path. Lines and columns count from 1, within the text."""

    path: Path
    line: int
    column: int
    provided: int = 0
    """How many of its parts, from the first on, may be absent: `default` or `is defined` provides for all of them, a
    condition around it (`has_trait`, `is defined`) for as many as it asks about. What follows is asked for only where
    those are there."""

    @property
    def guarded(self) -> bool:
        """Whether its absence, or that of what it is part of, is provided for."""
        return self.provided > 0

    @property
    def dotted(self) -> str:
        """The path as people write it."""
        return dotted(self.path)


class Problem(NamedTuple):
    """A word that is not of the language, or a text that is not."""

    line: int
    column: int
    message: str
    hint: str


class Word(NamedTuple):
    """A filter, test, function or method, and where it stands."""

    name: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that can be known about a text without evaluating it."""

    paths: tuple[PathUse, ...] = ()
    filters: tuple[Word, ...] = ()
    tests: tuple[Word, ...] = ()
    functions: tuple[Word, ...] = ()
    asked: tuple[PathUse, ...] = ()
    """Paths that `has_trait('…')` asks about; never an error when absent, perhaps one when nothing declares them."""
    unknown: tuple[Word, ...] = ()
    """Names that are neither roots nor local."""
    problems: tuple[Problem, ...] = ()
    proves: frozenset[Path] = frozenset()
    """Paths that are there whenever this expression is true: what a `when` guards."""

    @property
    def needs_host(self) -> bool:
        """Whether only the host can evaluate it, given its vars: it uses traits or a function that asks the host."""
        return any(use.path[0] == "traits" for use in self.paths) or any(
            word.name not in ("range", "version_ge") for word in self.functions
        )

    @property
    def needs_clock(self) -> bool:
        """Whether what it gives changes with time alone."""
        return any(word.name in CLOCK_FUNCTIONS for word in self.functions)

    @property
    def needs_traits(self) -> bool:
        """Whether it reads traits, by path or through a function."""
        return any(use.path[0] == "traits" for use in self.paths) or any(
            word.name in TRAIT_FUNCTIONS for word in self.functions
        )

"""What an expression or template looks at, found without evaluating it.

So that a resource is rendered again only when something it looks at has changed, is never called drift when it depends
on the clock, and fails alone when a secret that it needs is not at hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from schema.expressions import has_tags

ANYTHING: Final = frozenset({"*"})


class Uses(NamedTuple):
    """First keys below `vars` and `traits` (`ANYTHING`: all of them), and functions that ask the host."""

    vars: frozenset[str] = frozenset()
    traits: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()

    def __or__(self, other: Uses) -> Uses:
        if other is NOTHING or self is NOTHING:  # mostly: what uses nothing is one object, however many it is said of
            return self if other is NOTHING else other
        return Uses(self.vars | other.vars, self.traits | other.traits, self.functions | other.functions)

    @property
    def volatile(self) -> bool:
        """Whether the same scope can give another value a moment later."""
        return bool(self.functions)

    @property
    def clocked(self) -> bool:
        """Whether it depends on the time of day."""
        if not self.functions:
            return False
        from schema.expressions.functions import CLOCK_FUNCTIONS

        return not self.functions.isdisjoint(CLOCK_FUNCTIONS)


NOTHING: Final = Uses()


def of_expression(text: str) -> Uses:
    """What a bare expression uses. One that cannot be read uses nothing: it fails when it is evaluated."""
    from agent import looks  # and the language with it: a catalog of plain text needs none

    return Uses(*looks.of_expression(text))


def of_value(value: Any) -> Uses:
    """What the templates in plain data use."""
    return of_templates(templates(value))


def of_templates(texts: Iterable[str]) -> Uses:
    """What templates use. One that cannot be read uses nothing: it fails when it is rendered."""
    found = NOTHING
    for text in texts:
        from agent import looks

        found |= Uses(*looks.of_template(text))
    return found


def templates(value: Any) -> list[str]:
    """The templates in plain data, in no order."""
    found = []
    todo = [value]
    while todo:
        each = todo.pop()
        if isinstance(each, str):
            if has_tags(each):
                found.append(each)
        elif isinstance(each, dict):
            todo.extend(each.values())
        elif isinstance(each, list):
            todo.extend(each)
    return found

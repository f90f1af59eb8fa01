"""What an expression or template looks at, found without evaluating it.

So that a resource is rendered again only when something it looks at has changed, is never called drift when it depends
on the clock, and fails alone when a secret that it needs is not at hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from schema.expressions import ExpressionError, has_tags, nodes
from schema.expressions.functions import CLOCK_FUNCTIONS, TRAIT_FUNCTIONS
from schema.expressions.grammar import parse_expression
from schema.expressions.statements import parse_template

ANYTHING: Final = frozenset({"*"})
_PURE: Final = frozenset({"range", "version_ge"})
_SECTIONS: Final = {"arch": "hardware", "is_container": "hardware", "os_family": "os", "distro": "os"}


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
        return not self.functions.isdisjoint(CLOCK_FUNCTIONS)


NOTHING: Final = Uses()


def of_expression(text: str) -> Uses:
    """What a bare expression uses. One that cannot be read uses nothing: it fails when it is evaluated."""
    try:
        return _of([parse_expression(text)])
    except ExpressionError:
        return NOTHING


def of_value(value: Any) -> Uses:
    """What the templates in plain data use."""
    return of_templates(templates(value))


def of_templates(texts: Iterable[str]) -> Uses:
    """What templates use. One that cannot be read uses nothing: it fails when it is rendered."""
    found = NOTHING
    for text in texts:
        try:
            found |= _of(parse_template(text).body)
        except ExpressionError:
            continue
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


def _of(roots: Iterable[Any]) -> Uses:
    names: dict[str, set[str]] = {"vars": set(), "traits": set()}
    functions: set[str] = set()
    todo: list[Any] = list(roots)
    while todo:
        node = todo.pop()
        if isinstance(node, nodes.Attribute) and (root := _root(node.node)):
            names[root].add(node.name)
        elif isinstance(node, nodes.Item) and isinstance(node.key, nodes.Literal) and (root := _root(node.node)):
            names[root].add(str(node.key.value))
        elif isinstance(node, nodes.Name) and node.name in names:
            names[node.name] |= ANYTHING
        elif isinstance(node, tuple):  # a node, or several
            if isinstance(node, nodes.Call):
                if node.name in TRAIT_FUNCTIONS:
                    names["traits"].add(_section(node))
                elif node.name not in _PURE:
                    functions.add(node.name)
            todo.extend(node)
    return Uses(frozenset(names["vars"]), frozenset(names["traits"]), frozenset(functions))


def _section(node: nodes.Call) -> str:
    """The trait that a function looks at; `*` where that is known only when it is evaluated."""
    asked = next(iter(node.arguments.positional), None)
    if node.name == "has_trait" and isinstance(asked, nodes.Literal) and isinstance(asked.value, str):
        return asked.value.removeprefix("traits.").partition(".")[0]
    return _SECTIONS.get(node.name, "*")


def _root(node: nodes.Expression) -> str | None:
    return node.name if isinstance(node, nodes.Name) and node.name in ("vars", "traits") else None

"""What one expression or template looks at, read off its tree: see `agent.uses`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from schema.expressions import ExpressionError, nodes
from schema.expressions.functions import TRAIT_FUNCTIONS
from schema.expressions.grammar import parse_expression
from schema.expressions.statements import parse_template

Looked = tuple[frozenset[str], frozenset[str], frozenset[str]]
"""As `agent.uses.Uses` has them: vars, traits, functions."""

_NOTHING: Final[Looked] = (frozenset(), frozenset(), frozenset())
_PURE: Final = frozenset({"range", "version_ge"})
_SECTIONS: Final = {"arch": "hardware", "is_container": "hardware", "os_family": "os", "distro": "os"}


def of_expression(text: str) -> Looked:
    """What a bare expression uses; see `agent.uses.of_expression`."""
    try:
        return _of([parse_expression(text)])
    except ExpressionError:
        return _NOTHING


def of_template(text: str) -> Looked:
    """What a template uses; see `agent.uses.of_templates`."""
    try:
        return _of(parse_template(text).body)
    except ExpressionError:
        return _NOTHING


def _of(roots: Iterable[Any]) -> Looked:
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
            names[node.name].add("*")
        elif isinstance(node, tuple):  # a node, or several
            if isinstance(node, nodes.Call):
                if node.name in TRAIT_FUNCTIONS:
                    names["traits"].add(_section(node))
                elif node.name not in _PURE:
                    functions.add(node.name)
            todo.extend(node)
    return frozenset(names["vars"]), frozenset(names["traits"]), frozenset(functions)


def _section(node: nodes.Call) -> str:
    """The trait that a function looks at; `*` where that is known only when it is evaluated."""
    asked = next(iter(node.arguments.positional), None)
    if node.name == "has_trait" and isinstance(asked, nodes.Literal) and isinstance(asked.value, str):
        return asked.value.removeprefix("traits.").partition(".")[0]
    return _SECTIONS.get(node.name, "*")


def _root(node: nodes.Expression) -> str | None:
    return node.name if isinstance(node, nodes.Name) and node.name in ("vars", "traits") else None

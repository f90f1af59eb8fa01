"""Walking a tree, for whoever needs to know what is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from schema.expressions import nodes


def weight(node: nodes.Expression) -> int:
    """How many steps one evaluation costs at least: its nodes."""
    return sum(1 for _ in walk(node))


def walk(node: nodes.Expression) -> Iterator[nodes.Expression]:
    """The node and all below it, in the order they are written."""
    yield node
    for child in children(node):
        yield from walk(child)


def expressions(body: nodes.Body) -> Iterator[nodes.Expression]:
    """Every node of every expression in a body, nested statements included."""
    for statement in body:
        if isinstance(statement, nodes.Output):
            yield from walk(statement.node)
        elif isinstance(statement, nodes.Assign):
            yield from walk(statement.value)
        elif isinstance(statement, nodes.If):
            for test, inner in statement.branches:
                yield from walk(test)
                yield from expressions(inner)
            yield from expressions(statement.otherwise)
        elif isinstance(statement, nodes.For):
            yield from walk(statement.iterable)
            if statement.condition is not None:
                yield from walk(statement.condition)
            yield from expressions(statement.body)
            yield from expressions(statement.otherwise)


def children(node: nodes.Expression) -> list[nodes.Expression]:
    """What stands directly below a node, in the order it is written."""
    return [child for child in _BELOW[type(node)](node) if child is not None]


def _given(arguments: nodes.Arguments) -> list[nodes.Expression]:
    return [*arguments.positional, *(item for _, item in arguments.named)]


_BELOW: Final[dict[type, Callable[[Any], Iterable[nodes.Expression | None]]]] = {
    nodes.Literal: lambda node: (),  # noqa: ARG005 - a leaf
    nodes.Name: lambda node: (),  # noqa: ARG005 - a leaf
    nodes.Attribute: lambda node: (node.node,),
    nodes.Item: lambda node: (node.node, node.key),
    nodes.Slice: lambda node: (node.node, node.start, node.stop, node.step),
    nodes.Sequence: lambda node: node.items,
    nodes.Map: lambda node: (part for pair in node.pairs for part in pair),
    nodes.Call: lambda node: _given(node.arguments),
    nodes.Method: lambda node: (node.node, *_given(node.arguments)),
    nodes.Filter: lambda node: (node.node, *_given(node.arguments)),
    nodes.Test: lambda node: (node.node, *_given(node.arguments)),
    nodes.Unary: lambda node: (node.node,),
    nodes.Binary: lambda node: (node.left, node.right),
    nodes.Concat: lambda node: node.parts,
    nodes.Compare: lambda node: (node.first, *(item for _, item in node.rest)),
    nodes.Logic: lambda node: node.parts,
    nodes.Conditional: lambda node: (node.yes, node.test, node.no),
}

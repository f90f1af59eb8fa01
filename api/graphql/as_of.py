"""Revisions that a query names: their graphs are gathered before the query runs, since compiling is awaited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from graphql import ArgumentNode, DocumentNode, StringValueNode, VariableNode, Visitor, visit

from api.graphql.limits import QueryRefused, the_operation
from api.http.areas import Call
from api.services.graphs import MAX_AS_OF
from schema.access import Permission
from schema.errors import Fault

if TYPE_CHECKING:
    from reconciler.graph import Graph

ARGUMENTS: Final = frozenset({"asOf", "otherAsOf", "rev", "base"})
"""Arguments, of whatever field, that name a revision."""
MAX_REVISIONS: Final = 4
"""That one query may name."""


def named(document: DocumentNode, operation_name: str | None, variables: Mapping[str, Any]) -> frozenset[str]:
    """The revisions that the arguments of a query name.

    Raises:
        QueryRefused: more than `MAX_REVISIONS`.
    """
    operation = the_operation(document, operation_name)
    defaults = {item.variable.name.value: item.default_value for item in operation.variable_definitions or ()}
    found: set[str] = set()
    for argument in _arguments(document):
        value: Any = None
        if isinstance(argument.value, StringValueNode):
            value = argument.value.value
        elif isinstance(argument.value, VariableNode):
            name = argument.value.name.value
            value = variables[name] if name in variables else getattr(defaults.get(name), "value", None)
        if isinstance(value, str) and 0 < len(value) <= MAX_AS_OF:  # of another length the field refuses it
            found.add(value)
    if len(found) > MAX_REVISIONS:
        raise QueryRefused(f"the query names more than {MAX_REVISIONS} revisions")
    return frozenset(found)


async def gathered(call: Call, revisions: frozenset[str]) -> dict[str, Graph | Fault]:
    """The graph of each revision, or why there is none. Nothing is compiled for who may not read the fleet's."""
    if not revisions or not call.actor.may(Permission.FLEET_READ):
        return {}
    return {each: await _graph(call, each) for each in sorted(revisions)}


async def _graph(call: Call, as_of: str) -> Graph | Fault:
    try:
        return await call.graph(as_of)
    except Fault as fault:
        return fault


def _arguments(document: DocumentNode) -> Iterator[ArgumentNode]:
    visitor = _Arguments()
    visit(document, visitor)
    yield from visitor.found


class _Arguments(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: Final[list[ArgumentNode]] = []

    def enter_argument(self, node: ArgumentNode, *_: object) -> None:
        if node.name.value in ARGUMENTS:
            self.found.append(node)

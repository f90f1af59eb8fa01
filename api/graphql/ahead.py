"""Answers that take more than a moment, and what is read from history: all awaited before the query runs.

What runs inside the query holds one of the few readers of the database, so none of these does. Each reads for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLIncludeDirective,
    GraphQLSchema,
    GraphQLSkipDirective,
    SelectionSetNode,
    get_argument_values,
    get_directive_values,
    get_variable_values,
)
from strawberry.utils.str_converters import to_snake_case

from api.graphql.context import Ahead, check_texts, graph_among
from api.graphql.limits import QueryRefused, the_operation
from api.http.areas import Call
from api.services import explanations
from api.services.desks import Desks
from schema.errors import Fault
from schema.explanations import Causes, Explanation

if TYPE_CHECKING:
    from reconciler.graph import Graph

T = TypeVar("T")
Fragments = Mapping[str, FragmentDefinitionNode]

MAX_LONG: Final = 2
"""Answers that take seconds, of one query."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What a field is answered with ahead of its query."""

    call: Call
    graph: Graph | None
    others: Mapping[str, Graph | Fault]
    """As the query's own context has them."""
    nodes: list[FieldNode]
    """Where the query asks for the field."""
    fragments: Fragments
    undated: list[Explanation | Causes]
    """Answers of the query whose lines are to have their commits: history is asked once for all."""

    def graph_at(self, as_of: str | None = None) -> Graph:
        """The graph in force, or as of what an argument of the query says.

        Raises:
            NothingInForce; with `as_of`, those of `graphs.FAULTS`.
        """
        return graph_among(self.graph, self.others, as_of)

    async def read(self, query: Callable[..., T]) -> T:
        """Run a query of the database in a reader's thread."""
        return await self.call.read(query)

    @property
    def desks(self) -> Desks:
        """Where what takes a processor for long is worked on."""
        return self.call.app.desks

    def date(self, answer: Explanation | Causes) -> None:
        """Have the answer's lines get the commits behind them, where the query selects any."""
        seen: set[str] = set()
        below = (each for node in self.nodes for each in _below(node.selection_set, self.fragments, seen))
        if any(each.name.value == "blame" for each in below):
            self.undated.append(answer)


@dataclass
class _Fields:
    """Root fields of a query by their names in the answer."""

    fragments: Fragments
    variables: Any
    found: dict[str, list[FieldNode]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def collect(self, selections: SelectionSetNode) -> None:
        for node in selections.selections:
            if not self._included(node):
                continue
            if isinstance(node, FieldNode):
                self.found.setdefault((node.alias or node.name).value, []).append(node)
                continue
            inner: Any = node
            if isinstance(node, FragmentSpreadNode):
                inner = self.fragments.get(node.name.value)
                if inner is None or node.name.value in self.seen:
                    continue
                self.seen.add(node.name.value)
            self.collect(inner.selection_set)

    def _included(self, node: Any) -> bool:
        skip = get_directive_values(GraphQLSkipDirective, node, self.variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self.variables)
        return not (skip and skip["if"]) and not (include and not include["if"])


async def answered(
    call: Call,
    schema: GraphQLSchema,
    answerers: Mapping[str, Ahead],
    document: DocumentNode,
    operation_name: str | None,
    variables: Mapping[str, Any],
    *,
    graph: Graph | None,
    others: Mapping[str, Graph | Fault],
) -> dict[str, Any]:
    """What each root field among `answerers` answers, by its name in the answer; an exception where it fails.

    Nothing is done for who may not ask, and nothing for what does not fit the schema: the query itself tells that.
    """
    operation = the_operation(document, operation_name)
    coerced: Any = get_variable_values(schema, operation.variable_definitions or (), dict(variables))
    if isinstance(coerced, list):
        return {}
    fragments = {item.name.value: item for item in document.definitions if isinstance(item, FragmentDefinitionNode)}
    fields = _Fields(fragments, coerced)
    try:
        fields.collect(operation.selection_set)
    except GraphQLError:
        return {}
    asked = {
        key: (nodes, answerer)
        for key, nodes in fields.found.items()
        if (answerer := answerers.get(nodes[0].name.value)) is not None and call.actor.may(answerer.permission)
    }
    long = [nodes[0].name.value for nodes, answerer in asked.values() if answerer.long]
    answers: dict[str, Any] = {}
    undated: list[Explanation | Causes] = []
    for key, (nodes, answerer) in asked.items():
        arguments = _arguments(schema, nodes[0], coerced)
        if arguments is None:
            continue
        asking = Asking(call, graph, others, nodes, fragments, undated)
        try:
            check_texts(arguments)
            if answerer.long:
                _check_long(long)
            answers[key] = await answerer.answer(asking, **arguments)
        except Exception as failed:  # noqa: BLE001 - the query tells it, at its place in the answer
            answers[key] = failed
    await explanations.dated(undated, call.app.archive)
    return answers


def _arguments(schema: GraphQLSchema, node: FieldNode, variables: Any) -> dict[str, Any] | None:
    assert schema.query_type is not None
    try:
        found = get_argument_values(schema.query_type.fields[node.name.value], node, variables)
    except GraphQLError:
        return None
    return {to_snake_case(name): value for name, value in found.items()}


def _check_long(long: list[str]) -> None:
    if len(long) > MAX_LONG:
        raise QueryRefused(f"the query asks for more than {MAX_LONG} answers that take long: {', '.join(long)}")


def _below(selections: SelectionSetNode | None, fragments: Fragments, seen: set[str]) -> Iterator[FieldNode]:
    for node in selections.selections if selections is not None else ():
        inner: Any = node
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, FragmentSpreadNode):
            inner = fragments.get(node.name.value)
            if inner is None or node.name.value in seen:
                continue
            seen.add(node.name.value)
        yield from _below(inner.selection_set, fragments, seen)

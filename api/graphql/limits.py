"""What one query may cost, judged before it runs: tokens, depth, fields, aliases, and rows by the sizes of its pages.

Fragments are counted where they are spread, so twenty aliases of one spread of 500 fields are ten thousand fields.
Counting stops at the limit: no query, however it is nested, makes it walk further.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    parse,
)
from graphql.error import GraphQLSyntaxError

from api.graphql.faults import QueryRefused as QueryRefused

MAX_QUERY_BYTES: Final = 32 * 1024
MAX_TOKENS: Final = 2_000
MAX_DEPTH: Final = 12
"""GraphiQL's introspection query is 12 deep in `ofType`, which is counted apart."""
MAX_INTROSPECTION_DEPTH: Final = 18
MAX_FIELDS: Final = 1_000
MAX_ALIASES: Final = 30
MAX_COST: Final = 20_000
"""Objects that may be read: each page counts its size times the sizes of the pages around it."""

PAGE_ARGUMENTS: Final = ("first", "limit")
MAX_PAGE: Final = 200
DEFAULT_PAGE: Final = 50
LISTS: Final = frozenset(
    {
        "envoys",
        "drifts",
        "convergenceHistory",
        "runs",
        "revisions",
        "auditEntries",
        "receipts",
        "signers",
        "resources",
        "previewRefs",
        "standingHosts",
        "changes",
        "publishes",
        "rollouts",
        "versions",
        "waves",
        "waveHosts",
    }
)
"""Fields that answer with a page."""


@dataclass
class _Count:
    selections: int = 0
    """Fields and spreads: a fragment that only spreads others costs walking too."""
    aliases: int = 0
    cost: int = 0
    open: set[str] = field(default_factory=set)


def read(query: str) -> DocumentNode:
    """The parsed query.

    Raises:
        QueryRefused: too long, too many tokens, or not GraphQL.
    """
    if len(query.encode("utf-8", "surrogatepass")) > MAX_QUERY_BYTES:
        raise QueryRefused(f"the query is longer than {MAX_QUERY_BYTES} bytes")
    try:
        return parse(query, max_tokens=MAX_TOKENS, no_location=False)
    except GraphQLSyntaxError as error:
        where = error.locations[0] if error.locations else None
        at = f" (line {where.line}, column {where.column})" if where else ""
        raise QueryRefused(f"{error.message}{at}") from error
    except RecursionError as error:
        raise QueryRefused("the query is nested too deep") from error


def check(document: DocumentNode, operation_name: str | None, variables: Mapping[str, Any]) -> None:
    """The one operation that is to run stays below every limit.

    Raises:
        QueryRefused: it does not, or there is not exactly one to run.
    """
    operation = the_operation(document, operation_name)
    if operation.operation.value != "query":
        raise QueryRefused("queries only; what changes something is done over REST")
    fragments = {item.name.value: item for item in document.definitions if isinstance(item, FragmentDefinitionNode)}
    defaults = {item.variable.name.value: item.default_value for item in operation.variable_definitions or ()}
    sizes = {
        name: _integer(variables[name] if name in variables else getattr(default, "value", None))
        for name, default in defaults.items()
    }
    _walk(operation.selection_set, fragments, sizes, _Count(), depth=1, introspecting=False, times=1)


def the_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The one operation that is to run.

    Raises:
        QueryRefused: there is not exactly one.
    """
    found = [
        item
        for item in document.definitions
        if isinstance(item, OperationDefinitionNode) and (name is None or (item.name and item.name.value == name))
    ]
    if len(found) != 1:
        raise QueryRefused(
            "the document holds no operation of that name" if not found else "several operations: name one to run"
        )
    return found[0]


def _walk(
    selections: SelectionSetNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    sizes: Mapping[str, int | None],
    count: _Count,
    *,
    depth: int,
    introspecting: bool,
    times: int,
) -> None:
    limit = MAX_INTROSPECTION_DEPTH if introspecting else MAX_DEPTH
    if depth > limit:
        raise QueryRefused(f"the query is nested deeper than {limit}")
    for node in selections.selections:
        count.selections += 1
        if count.selections > MAX_FIELDS:
            raise QueryRefused(f"the query asks for more than {MAX_FIELDS} fields, fragments expanded")
        inner, within, below, repeated = None, introspecting, depth, times
        if isinstance(node, FieldNode):
            inner, below = node.selection_set, depth + 1
            within = introspecting or node.name.value in {"__schema", "__type"}
            repeated = times * _page(node, sizes)
            _count(node, count, repeated)
        elif isinstance(node, InlineFragmentNode):
            inner = node.selection_set
        elif isinstance(node, FragmentSpreadNode):
            name = node.name.value
            fragment = fragments.get(name)
            if name in count.open:
                raise QueryRefused(f"the fragment {name} spreads itself")
            if fragment is not None:
                count.open.add(name)
                _walk(
                    fragment.selection_set,
                    fragments,
                    sizes,
                    count,
                    depth=depth,
                    introspecting=introspecting,
                    times=times,
                )
                count.open.discard(name)
        if inner is not None:
            _walk(inner, fragments, sizes, count, depth=below, introspecting=within, times=repeated)


def _count(node: FieldNode, count: _Count, repeated: int) -> None:
    count.aliases += node.alias is not None
    if node.selection_set is not None:
        count.cost += repeated
    if count.aliases > MAX_ALIASES:
        raise QueryRefused(f"the query has more than {MAX_ALIASES} aliases, fragments expanded")
    if count.cost > MAX_COST:
        raise QueryRefused(f"the query could read more than {MAX_COST} objects; ask for smaller pages")


def _page(node: FieldNode, sizes: Mapping[str, int | None]) -> int:
    if node.name.value not in LISTS:
        return 1
    for argument in node.arguments or ():
        if argument.name.value in PAGE_ARGUMENTS:
            value = argument.value
            size = (
                _integer(value.value)
                if isinstance(value, IntValueNode)
                else sizes.get(value.name.value)
                if isinstance(value, VariableNode)
                else None
            )
            if size is None:
                return DEFAULT_PAGE
            if not 1 <= size <= MAX_PAGE:
                raise QueryRefused(f"a page has 1 to {MAX_PAGE} items")
            return size
    return DEFAULT_PAGE


def _integer(value: object) -> int | None:
    try:
        return int(value) if isinstance(value, int | str) and not isinstance(value, bool) else None
    except ValueError:
        return None

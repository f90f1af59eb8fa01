"""The schema, assembled from the areas. `python -m api.graphql.schema` prints it; tests/snapshots has a copy."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import strawberry
from graphql import GraphQLError, GraphQLSchema
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import get_object_definition

from api.graphql import shown
from api.graphql.audit import AuditQueries
from api.graphql.bisects import BisectQueries
from api.graphql.changes import ChangeQueries
from api.graphql.context import Ahead, Guard
from api.graphql.drifts import DriftQueries
from api.graphql.envoys import EnvoyQueries
from api.graphql.explanations import ExplanationQueries
from api.graphql.holds import HoldQueries
from api.graphql.previews import PreviewQueries
from api.graphql.publishes import PublishQueries
from api.graphql.receipts import ReceiptQueries
from api.graphql.revisions import RevisionQueries
from api.graphql.rollouts import RolloutQueries
from api.graphql.runs import RunQueries
from api.graphql.scalars import SCALARS
from api.graphql.signers import SignerQueries
from api.graphql.sources import SourceQueries
from api.graphql.standings import StandingQueries
from api.graphql.traces import TraceQueries

CACHED_QUERIES: Final = 64


@strawberry.type(
    description="What can be asked. Each field needs the permission that its REST twin needs;"
    " what an answer over REST leaves out is null here."
)
class Query(
    TraceQueries,
    ExplanationQueries,
    PreviewQueries,
    BisectQueries,
    EnvoyQueries,
    RunQueries,
    DriftQueries,
    ReceiptQueries,
    RevisionQueries,
    PublishQueries,
    RolloutQueries,
    ChangeQueries,
    HoldQueries,
    StandingQueries,
    SignerQueries,
    SourceQueries,
    AuditQueries,
):
    """The root of every query."""


class NoPermission(RuntimeError):
    """A root field without a declared permission: the server does not start."""


class _Schema(strawberry.Schema):
    _described = False

    @property
    def core(self) -> GraphQLSchema:
        """The same as graphql-core has it."""
        return self._schema

    def describe(self) -> None:
        """Let all of it say what it is: see `shown`."""
        if not self._described:
            shown.describe(self.core)
            self._described = True

    def as_str(self) -> str:
        """The schema as text, with what everything is."""
        self.describe()
        return super().as_str()

    def process_errors(self, errors: Sequence[GraphQLError], execution_context: Any = None) -> None:
        """Leave errors to the endpoint, which knows faults from bugs."""


def guarded_root(query: type) -> type:
    """`query`, every field of which names its permission.

    Raises:
        NoPermission: one does not.
    """
    definition = get_object_definition(query, strict=True)
    bare = [field.python_name for field in definition.fields if not any(isinstance(e, Guard) for e in field.extensions)]
    if bare:
        raise NoPermission(f"GraphQL fields without a permission: {', '.join(bare)}")
    return query


schema: Final = _Schema(
    query=guarded_root(Query),
    config=StrawberryConfig(scalar_map=SCALARS),
    extensions=[lambda: ParserCache(CACHED_QUERIES), lambda: ValidationCache(CACHED_QUERIES)],
)

ANSWERED_AHEAD: Final[Mapping[str, Ahead]] = {
    schema.config.name_converter.from_field(each): extension
    for each in get_object_definition(Query, strict=True).fields
    for extension in each.extensions
    if isinstance(extension, Ahead)
}
"""Root fields that are awaited before a query runs."""

if __name__ == "__main__":
    sys.stdout.write(schema.as_str() + "\n")

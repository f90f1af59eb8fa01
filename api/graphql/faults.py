"""Faults of GraphQL itself, apart from what it takes to answer a query."""

from __future__ import annotations

from schema.errors import Invalid


class QueryRefused(Invalid):
    """The query is beyond a limit, or is none."""

    code = "graphql.refused"

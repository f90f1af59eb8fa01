"""Answering: one GraphQL query, bounded, over one state of the database; what takes long is answered before it runs.

To load this is to assemble the whole schema, most of a second: `endpoint` does so when the first query comes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

import orjson
from graphql import GraphQLError
from starlette.responses import Response

from api.graphql import ahead, as_of, limits, shown
from api.graphql.context import Context
from api.graphql.schema import ANSWERED_AHEAD, schema
from api.http.areas import Call
from api.services import envoys, sources
from schema.errors import Conflict, Exhausted, Fault, Forbidden, Invalid, NotFound, Stalled, Unavailable

MAX_ERRORS: Final = 20
_log: Final = logging.getLogger(__name__)
_KINDS: Final[Mapping[type, str]] = {
    Invalid: "INVALID",
    Forbidden: "FORBIDDEN",
    NotFound: "NOT_FOUND",
    Conflict: "CONFLICT",
    Stalled: "STALLED",
    Exhausted: "EXHAUSTED",
    Unavailable: "UNAVAILABLE",
}


async def answer(call: Call, query: str, variables: dict[str, Any], name: str | None) -> Response:
    """Answer one query.

    Args:
        name: of the operation, where the query has several.
    """
    try:
        document = limits.read(query)
        limits.check(document, name, variables)
    except limits.QueryRefused as refused:
        return _answer({"errors": [_told(refused)]}, status=400)
    try:
        named = as_of.named(document, name, variables)
    except limits.QueryRefused as refused:
        return _answer({"errors": [_told(refused)]}, status=400)
    others = await as_of.gathered(call, named)
    graph, online, unreadable = call.app.graph, envoys.online(call.app), sources.unreadable(call.app)
    answers = await ahead.answered(
        call, schema.core, ANSWERED_AHEAD, document, name, variables, graph=graph, others=others
    )
    if shown.introspects(query):
        await asyncio.to_thread(schema.describe)
    result = await call.read(
        lambda work: schema.execute_sync(
            query,
            variables,
            Context(work, graph, online, others, answers, unreadable),
            operation_name=name,
        )
    )
    return _answered(result, call.request_id)


def _answered(result: Any, request_id: str) -> Response:
    errors = result.errors or []
    answer: dict[str, Any] = {}
    if errors:
        answer["errors"] = [_error(error, request_id) for error in errors[:MAX_ERRORS]]
    if result.data is None and all(error.path is None for error in errors):
        return _answer(answer, status=400)  # it does not fit the schema: nothing ran
    answer["data"] = result.data
    return _answer(answer, status=200)


def _error(error: GraphQLError, request_id: str) -> dict[str, Any]:
    fault = error.original_error
    if fault is None or isinstance(fault, GraphQLError):  # the latter of a variable
        told: dict[str, Any] = {"message": error.message, "extensions": {"code": "INVALID"}}
    elif isinstance(fault, Fault):
        told = _told(fault)
    else:
        _log.error("graphql: a bug in %s, request %s", error.path, request_id, exc_info=fault)
        told = {"message": f"internal error; request {request_id}", "extensions": {"code": "INTERNAL"}}
    if error.locations:
        told["locations"] = [location.formatted for location in error.locations]
    if error.path is not None:
        told["path"] = list(error.path)
    return told


def _told(fault: Fault) -> dict[str, Any]:
    kind = next((_KINDS[base] for base in type(fault).__mro__ if base in _KINDS), "INTERNAL")
    return {"message": fault.message, "extensions": {"code": kind, "fault": fault.code}}


def _answer(body: dict[str, Any], *, status: int) -> Response:
    return Response(orjson.dumps(body), status, {"cache-control": "no-store"}, "application/json")

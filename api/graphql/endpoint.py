"""`POST /graphql`: what may be sent, and that the schema is not assembled before somebody asks."""

from __future__ import annotations

import asyncio
from functools import cache
from types import ModuleType
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.graphql.faults import QueryRefused
from api.http.areas import Area, Call
from schema.access import Permission

area = Area("service")

MAX_BODY: Final = 128 * 1024
TIMEOUT_S: Final = 60.0
"""As a preview has over REST."""


class GraphQLRequest(BaseModel):
    """One query. A list of them is refused: each is a request of its own, with its own limits."""

    model_config = ConfigDict(extra="ignore")

    query: str = Field(min_length=1)
    variables: dict[str, Any] | None = None
    operationName: str | None = None  # noqa: N815 - GraphQL over HTTP spells it so


@area(
    "POST",
    "/graphql",
    Permission.AUTHENTICATED,
    write=False,
    raises=[QueryRefused],
    max_body=MAX_BODY,
    timeout_s=TIMEOUT_S,
    listed=False,
)
async def graphql(call: Call, body: GraphQLRequest) -> Response:
    """Answer one GraphQL query."""
    loaded = _engine.cache_info().currsize
    engine = _engine() if loaded else await asyncio.to_thread(_engine)
    answer: Response = await engine.answer(call, body.query, body.variables or {}, body.operationName)
    return answer


@cache
def _engine() -> ModuleType:
    # A quarter of what a server loaded before it was ready, and most servers' day begins without a query.
    from api.graphql import answering

    return answering

"""The service itself over REST: health, metrics, the API's own description."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from api.http import openapi
from api.http.areas import Area, Call
from api.services import service
from api.services.metrics import CONTENT_TYPE
from schema.access import Permission
from schema.service import Health

area = Area("service")


@area("GET", "/healthz", Permission.PUBLIC, raises=[service.NotHealthy])
async def health(call: Call) -> Health:
    """Whether the server does its work."""
    return await service.health(call.app)


@area(
    "GET",
    "/metrics",
    Permission.METRICS_READ,
    loopback=True,
    opened_by="public_metrics",
    content_type="text/plain",
)
async def metrics(call: Call) -> Response:
    """Metrics for Prometheus.

    Answers loopback, or a token; and anybody when `VIGO_PUBLIC_METRICS` is set.
    """
    return Response(await service.metrics(call.app), headers={"content-type": CONTENT_TYPE})


@area("GET", "/api/v1/openapi.json", Permission.AUTHENTICATED)
async def openapi_document(call: Call) -> Response:
    """This description."""
    endpoints = tuple(call.request.scope["application"].endpoints)
    return Response(await asyncio.to_thread(openapi.written, endpoints), media_type="application/json")

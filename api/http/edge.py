"""The edge: what happens around every endpoint, once, in this order.

Rate of public routes → who asks → permission → input → the function, in its transaction → the answer, or the fault. A
fault that an endpoint does not declare is answered all the same, and counted; anything else is a bug: logged whole,
answered 500 with the request's id.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from api.http.areas import OPEN, Call, Endpoint
from api.http.authentication import BadCredentials, Doorkeeper, is_local, peer_key
from api.http.binding import Binding
from api.http.errors import (
    BadInput,
    BadRequest,
    Internal,
    MethodNotAllowed,
    NoSuchPath,
    NotJson,
    TooLarge,
    TooMany,
    TooSlow,
    render,
)
from api.services.container import Services
from api.services.limits import Buckets
from api.services.work import ANONYMOUS, Actor, NotAllowed, Work
from schema.errors import Exhausted, Fault, Forbidden, Unauthenticated, Unavailable

logger = logging.getLogger("vigo.http")

QUICK_BYTES: Final = 16 * 1024
"""A body up to here is read on the event loop: under half a millisecond."""
OF_ALL: Final = (
    Unauthenticated,
    NotAllowed,
    BadInput,
    BadRequest,
    TooLarge,
    NotJson,
    NoSuchPath,
    Exhausted,
    Unavailable,
)
"""Faults that any endpoint may answer with, and none declares."""


class Edge:
    """Runs endpoints. One per process."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.doorkeeper = Doorkeeper(services)
        settings = services.settings
        self._public = Buckets(settings.public_rate, settings.public_burst, services.clock.monotonic)
        self.undeclared: set[tuple[str, str, str]] = set()
        """(method, path, fault code) of faults that came out of an endpoint that does not declare them."""

    async def answer(self, endpoint: Endpoint, binding: Binding, request: Request) -> Response:
        """The response of an endpoint to a request; never raises but for being cancelled."""
        request_id = request.scope["state"]["request_id"]
        started = time.perf_counter()
        actor = ANONYMOUS
        try:
            async with asyncio.timeout(endpoint.timeout_s or self.services.settings.request_timeout_s):
                self._check_public(endpoint, request)
                if not self._is_open(endpoint, request):
                    actor = await self.doorkeeper.actor(request, basic=endpoint.basic)
                    _admit(endpoint, actor)
                response = await self._run(endpoint, binding, request, actor, request_id)
        except Fault as fault:
            self._note(endpoint, fault)
            await self._record(endpoint, request, actor, fault, request_id)
            headers = (
                {"www-authenticate": 'Basic realm="vigo", Bearer'} if endpoint.basic and fault.status == 401 else {}
            )
            response = render(fault, headers=headers)
        except TimeoutError:
            response = render(TooSlow("the request took too long"))
        except Exception:
            logger.exception("request %s: %s %s failed", request_id, endpoint.method, endpoint.path)
            response = render(Internal("something is wrong with the server; its log says more", request_id=request_id))
        if self.services.notice and actor is not ANONYMOUS:
            response.headers["vigo-notice"] = self.services.notice
        metrics = self.services.metrics
        metrics.requests.labels(endpoint.method, endpoint.path, response.status_code).inc()
        metrics.seconds.labels(endpoint.path).observe(time.perf_counter() - started)
        return response

    def _check_public(self, endpoint: Endpoint, request: Request) -> None:
        """Refuse a public route that a setting closed, and a peer that asks too often."""
        if endpoint.closed_by and not getattr(self.services.settings, endpoint.closed_by):
            raise NoSuchPath("there is nothing here")
        if endpoint.permission not in OPEN or not endpoint.limited:
            return
        key = peer_key(request)
        if not self._public.spend(key):
            raise TooMany("too many requests from this address", retry_after_s=self._public.wait_s(key))

    def _is_open(self, endpoint: Endpoint, request: Request) -> bool:
        return (
            endpoint.permission in OPEN
            or (endpoint.opened_by != "" and getattr(self.services.settings, endpoint.opened_by))
            or (endpoint.loopback and is_local(request) and "authorization" not in request.headers)
        )

    async def _run(
        self, endpoint: Endpoint, binding: Binding, request: Request, actor: Actor, request_id: str
    ) -> Response:
        body = await self._body(request) if binding.body is not None else b""
        bind = partial(binding.arguments, request.path_params, request.query_params, body)
        arguments = bind() if len(body) <= QUICK_BYTES else await asyncio.to_thread(bind)
        if not binding.wants_work:
            call = Call(self.services, actor, request_id, peer_key(request), request)
            result = await endpoint.run(call, **arguments)
            data = b"" if isinstance(result, Response) else await asyncio.to_thread(_dumped, binding, result)
            return _respond(result, call.status or endpoint.status, data)

        def use_case(work: Work) -> tuple[Any, bytes]:
            made = endpoint.run(work, **arguments)
            return made, _dumped(binding, made)  # here, since a long list takes long to write down

        run = self.services.write if endpoint.write else self.services.read
        result, data = await run(actor, use_case, request_id=request_id)
        return _respond(result, endpoint.status, data)

    async def _body(self, request: Request) -> bytes:
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        try:
            async with asyncio.timeout(self.services.settings.body_timeout_s):
                body = await request.body()
        except TimeoutError as error:
            raise TooSlow("the body took too long to come") from error
        if body and kind != "application/json" and not kind.endswith("+json"):
            raise NotJson("the body must be application/json")
        return body

    def _note(self, endpoint: Endpoint, fault: Fault) -> None:
        if not isinstance(fault, (*OF_ALL, *endpoint.raises)):
            self.undeclared.add((endpoint.method, endpoint.path, fault.code))
            self.services.metrics.undeclared.labels(endpoint.path).inc()
            logger.warning("%s %s does not declare %s", endpoint.method, endpoint.path, fault.code)

    async def _record(self, endpoint: Endpoint, request: Request, actor: Actor, fault: Fault, request_id: str) -> None:
        """Leave an audit entry of who tried what was refused."""
        if not isinstance(fault, Unauthenticated | Forbidden):
            return
        action = "access.login_failed" if isinstance(fault, Unauthenticated) else "access.denied"
        try:
            await self.services.record_refusal(
                actor,
                action,
                "endpoint",
                f"{endpoint.method} {endpoint.path}",
                reason=fault.code,
                origin=peer_key(request),
                request_id=request_id,
            )
        except Fault as error:
            logger.warning("request %s: the refusal could not be recorded: %s", request_id, error.message)


class Route:
    """The endpoints of one path, as an ASGI application."""

    def __init__(self, edge: Edge, path: str, endpoints: Mapping[str, Endpoint]) -> None:
        self._edge = edge
        self._path = path
        self._endpoints = {method: (endpoint, Binding.of(endpoint.run, path)) for method, endpoint in endpoints.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        found = self._endpoints.get(method)
        if found is None:
            allowed = sorted({*self._endpoints, *(["HEAD"] if "GET" in self._endpoints else [])})
            response = render(
                MethodNotAllowed(f"this path takes {', '.join(allowed)}"), headers={"allow": ", ".join(allowed)}
            )
        else:
            endpoint, binding = found
            request = Request(scope, _bounded(receive, endpoint.max_body, scope))
            response = await self._edge.answer(endpoint, binding, request)
        await response(scope, receive, send)


def _admit(endpoint: Endpoint, actor: Actor) -> None:
    """Go on only if the actor may. What decides is the matched route, never the request's own URL."""
    if actor is ANONYMOUS:
        raise BadCredentials("credentials are needed: Authorization: Bearer vgot_…")
    if not actor.may(endpoint.permission):
        raise NotAllowed(f"this needs the permission {endpoint.permission}", permission=endpoint.permission.value)


def _bounded(receive: Receive, limit: int, scope: Scope) -> Receive:
    """The same body, that ends in a fault once it is over the limit; at once when its length is told."""
    told = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    length = int(told) if told.isdigit() else 0
    got = 0

    async def bounded() -> Message:
        nonlocal got
        if length > limit:
            raise TooLarge(f"the body is over {limit} bytes", limit=limit)
        message = await receive()
        got += len(message.get("body", b""))
        if got > limit:
            raise TooLarge(f"the body is over {limit} bytes", limit=limit)
        return message

    return bounded


def _dumped(binding: Binding, result: Any) -> bytes:
    if binding.answer is None or isinstance(result, Response):
        return b""
    return binding.answer.dump_json(result, by_alias=True)


def _respond(result: Any, status: int, data: bytes) -> Response:
    if isinstance(result, Response):
        return result
    if result is None and not data:
        return Response(status_code=204)
    return Response(data, status, media_type="application/json")

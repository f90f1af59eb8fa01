"""The front: what holds for every request before it finds its route, and for every answer on its way out.

The host must be one of ours, named once. Each request gets an id of our own making, which the audit log and the answer
carry. Answers carry the headers that keep a browser from doing anything with them but showing them.
"""

from __future__ import annotations

import logging
import re
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.errors import BadRequest, Internal, WrongHost, render
from schema.errors import Fault
from schema.ids import new_id

logger = logging.getLogger("vigo.http")

_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::\d{1,5})?")
_ANY_HOST: Final = frozenset({"/healthz"})
"""Probes of load balancers name whatever address they have; the answer says nothing."""
MAX_TARGET: Final = 8 * 1024
HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
"""A page may set its own policy; what is set stays."""
_HSTS: Final = "max-age=31536000"


class Front:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, *, names: list[str]) -> None:
        self._app = app
        self._names = {name.lower().strip("[]").rstrip(".") for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = new_id()
        scope.setdefault("state", {})["request_id"] = request_id
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                begun = True
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if scope["scheme"] in {"https", "wss"}:
                    headers.setdefault("strict-transport-security", _HSTS)
            await send(message)

        try:
            fault = self._refusal(scope)
            if fault is None:
                await self._app(scope, receive, sending)
                return
        except Exception:
            logger.exception("request %s failed", request_id)
            if begun:
                raise  # too late for another answer: the connection closes
            fault = Internal("something is wrong with the server; its log says more", request_id=request_id)
        if scope["type"] == "http":
            await render(fault)(scope, receive, sending)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _refusal(self, scope: Scope) -> Fault | None:
        path: str = scope["path"]
        if len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"") > MAX_TARGET:
            return BadRequest("the address is too long")
        if "\0" in path or "\\" in path or "//" in path or "/../" in f"{path}/" or "/./" in f"{path}/":
            return BadRequest("the path is not in its plain form")
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1:
            return WrongHost("one Host header is needed")
        found = _HOST.fullmatch(hosts[0].decode("latin-1"))
        if found is None:
            return WrongHost("the Host header is not a host")
        if path in _ANY_HOST or "*" in self._names:
            return None
        if found[1].lower().strip("[]").rstrip(".") not in self._names:
            return WrongHost("this server has another name; see VIGO_NAMES")
        return None

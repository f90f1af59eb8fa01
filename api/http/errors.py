"""Errors over HTTP: the faults of this layer, and the one form in which every error is told.

    {"message": "...", "error": "Not Found", "statusCode": 404, "code": 404, "fault": "users.not_found"}

with `details` where there are any, and beside them the words some documents name (`blocked`, `reason`, `retryAfter`).
"""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Any, Final

import orjson
from starlette.responses import Response

from schema.errors import Exhausted, Fault, Invalid, NotFound, Unauthenticated, Unavailable

BESIDE: Final = ("blocked", "reason", "pattern", "fallback")
"""Details that the documents want beside the message."""


class BadInput(Invalid):
    """A parameter or the body is not what the endpoint takes; `details.errors` says where."""

    code = "http.bad_input"


class BadRequest(Invalid):
    """Not a request that can be understood."""

    code = "http.bad_request"


class NoSuchPath(NotFound):
    """No endpoint has this path."""

    code = "http.no_such_path"


class MethodNotAllowed(Fault):
    """The path is there, but not for this method."""

    code, status = "http.method_not_allowed", 405


class TooLarge(Fault):
    """The body is over the endpoint's limit."""

    code, status = "http.too_large", 413


class NotJson(Fault):
    """The body is said to be something else than JSON."""

    code, status = "http.not_json", 415


class WrongHost(Invalid):
    """The request is for a host that this server is not."""

    code = "http.wrong_host"


class TooSlow(Unavailable):
    """The request took longer than it may."""

    code = "http.too_slow"


class TooMany(Exhausted):
    """This peer asks too often."""

    code = "http.too_many"


class Internal(Fault):
    """A bug; the log has it under the request's id."""

    code, status = "internal", 500


def render(fault: Fault, *, headers: dict[str, str] | None = None) -> Response:
    """A fault as a response."""
    phrase = HTTPStatus(fault.status).phrase
    details = dict(fault.details)
    body: dict[str, Any] = {
        "message": fault.message,
        "error": phrase,
        "statusCode": fault.status,
        "code": fault.status,
        "fault": fault.code,
    }
    body |= {word: details.pop(word) for word in BESIDE if word in details}
    given = dict(headers or {})
    if isinstance(fault, Exhausted):
        wait = max(1, math.ceil(fault.retry_after_s))
        given.setdefault("retry-after", str(wait))
        body["retryAfter"] = wait
    elif isinstance(fault, Unavailable):
        given.setdefault("retry-after", "5")
    elif isinstance(fault, Unauthenticated):
        given.setdefault("www-authenticate", 'Bearer realm="vigo"')
    if details:
        body["details"] = details
    return Response(orjson.dumps(body, default=str), fault.status, given, "application/json")

"""HTTPS requests of an agent: few, small and bounded. Standard library only: a host needs no HTTP package for these."""

from __future__ import annotations

import http.client
import ssl
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from agent import VERSION
from schema.errors import Invalid, Unavailable

TIMEOUT_S: Final = 15.0
DEFAULT_PORT: Final = 443
MAX_URL_CHARS: Final = 2_048


class NoAnswer(Unavailable):
    """The server cannot be reached, or what it says is not HTTP."""

    code = "agent.no_answer"


class UrlRefused(Invalid):
    """Not a URL that an agent talks to."""

    code = "agent.url_refused"


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes


def split(url: str, schemes: tuple[str, ...] = ("https",)) -> SplitResult:
    """The parts of a URL with one of these schemes and a host.

    Raises:
        UrlRefused: another scheme, no host, a bad port, or credentials in it.
    """
    try:
        parts = urlsplit(url[:MAX_URL_CHARS])
        _ = parts.port
    except ValueError as error:
        raise UrlRefused(f"{url!r} is not a URL: {error}") from error
    if parts.scheme not in schemes or not parts.hostname or parts.username is not None:
        raise UrlRefused(f"{url!r} is not a URL of the form {schemes[0]}://HOST[:PORT]")
    return parts


def request(
    url: str,
    context: ssl.SSLContext,
    *,
    limit: int,
    body: bytes | None = None,
    schemes: tuple[str, ...] = ("https",),
    timeout_s: float = TIMEOUT_S,
) -> Answer:
    """One GET, or with a body one POST of JSON; no redirect is followed.

    Raises:
        UrlRefused: not a URL to talk to.
        NoAnswer: no connection, no TLS, no HTTP, or more than `limit` bytes.
    """
    parts = split(url, schemes)
    assert parts.hostname is not None
    connection = http.client.HTTPSConnection(
        parts.hostname, parts.port or DEFAULT_PORT, timeout=timeout_s, context=context
    )
    headers = {"User-Agent": f"vigo-agent/{VERSION}", "Accept": "*/*", "Connection": "close"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        connection.request("GET" if body is None else "POST", parts.path or "/", body=body, headers=headers)
        response = connection.getresponse()
        data = response.read(limit + 1)
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"{parts.hostname}:{parts.port or DEFAULT_PORT}: {_said(error)}") from error
    finally:
        connection.close()
    if len(data) > limit:
        raise NoAnswer(f"{parts.hostname}: an answer of more than {limit} bytes")
    return Answer(response.status, data)


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__

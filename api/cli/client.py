"""The REST client of the commands: requests, and what an answer means on a command line."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode, urlsplit

import typer

from api.cli import output
from api.cli.access import Access, discover
from api.cli.exits import Exit, Problem

TIMEOUT_S: Final = 60.0
MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024

_PANEL: Final = "Server"
_OPTIONS: Final[tuple[tuple[str, Any], ...]] = (
    (
        "server",
        Annotated[
            str | None,
            typer.Option(
                "--server",
                metavar="URL",
                envvar="VIGO_SERVER",
                help="The server, https://host:8443.",
                rich_help_panel=_PANEL,
            ),
        ],
    ),
    (
        "token_file",
        Annotated[
            Path | None,
            typer.Option(
                "--token-file",
                metavar="FILE",
                help="Read the API token from FILE; else VIGO_TOKEN.",
                rich_help_panel=_PANEL,
            ),
        ],
    ),
    (
        "ca",
        Annotated[
            Path | None,
            typer.Option(
                "--ca",
                metavar="FILE",
                envvar="VIGO_CA",
                help="Trust the server by this CA certificate (PEM).",
                rich_help_panel=_PANEL,
            ),
        ],
    ),
    (
        "data_dir",
        Annotated[
            Path | None,
            typer.Option(
                "--data-dir",
                metavar="DIR",
                help="On the server's host: act as its local administrator.",
                rich_help_panel=_PANEL,
            ),
        ],
    ),
)


class Client:
    """Requests to one server. Raises `Problem` for every answer but a success."""

    def __init__(self, find: Callable[[], Access]) -> None:
        self._find: Final = find
        self._noticed = ""
        """What the server last said beside its answers; told once."""

    @functools.cached_property
    def access(self) -> Access:
        """Found when first needed: a command with `--repo` needs none."""
        return self._find()

    def get(self, path: str, **query: object) -> Any:
        """The JSON answer to a read; query parameters that are None are left out."""
        return self.request("GET", path, query=query)

    def post(self, path: str, body: object) -> Any:
        """The JSON answer to a POST of a JSON body."""
        return self.request("POST", path, body=body)

    def put(self, path: str, body: object) -> Any:
        """The JSON answer to a PUT of a JSON body."""
        return self.request("PUT", path, body=body)

    def delete(self, path: str) -> Any:
        """The JSON answer to a DELETE, None where there is none."""
        return self.request("DELETE", path)

    def request(self, method: str, path: str, *, query: Mapping[str, object] | None = None, body: object = None) -> Any:
        """The JSON answer to a request.

        Raises:
            Problem: no server, not trusted, or an answer other than 2xx.
        """
        import json

        parts = {key: _text(value) for key, value in (query or {}).items() if value is not None}
        target = f"{path}?{urlencode(parts)}" if parts else path
        payload = None if body is None else json.dumps(body).encode()
        status, raw = self._send(method, target, payload)
        try:
            answer = json.loads(raw) if raw else None
        except ValueError:
            answer = None
        if not 200 <= status < 300:
            raise _refusal(self.access, status, answer if isinstance(answer, dict) else {})
        if raw and answer is None and raw.strip() != b"null":
            raise Problem(f"{self.access.server} did not answer in JSON", hint="is this address a Vigo server's?")
        return answer

    def _send(self, method: str, target: str, payload: bytes | None) -> tuple[int, bytes]:
        import http.client
        import ssl

        url = urlsplit(self.access.server)
        headers = {"Accept": "application/json", "User-Agent": "vigo-cli"}
        if self.access.token:
            headers["Authorization"] = f"Bearer {self.access.token}"
        if payload is not None:
            headers["Content-Type"] = "application/json"
        connection: http.client.HTTPConnection
        assert url.hostname is not None
        try:
            if url.scheme == "https":
                context = ssl.create_default_context(cafile=self.access.ca)
                connection = http.client.HTTPSConnection(url.hostname, url.port, timeout=TIMEOUT_S, context=context)
            else:
                connection = http.client.HTTPConnection(url.hostname, url.port, timeout=TIMEOUT_S)
            try:
                connection.request(method, url.path.rstrip("/") + target, body=payload, headers=headers)
                response = connection.getresponse()
                raw = response.read(MAX_ANSWER_BYTES + 1)
                notice = response.getheader("vigo-notice", "")
            finally:
                connection.close()
        except ssl.SSLCertVerificationError as error:
            raise Problem(
                f"{self.access.server} is not trusted: {error.verify_message}",
                hint="give the server's CA with --ca FILE or VIGO_CA; it is ca.pem in the server's data directory",
            ) from error
        except FileNotFoundError as error:
            raise Problem(f"no CA certificate at {self.access.ca}") from error
        except (OSError, http.client.HTTPException) as error:
            raise Problem(
                f"no server answers at {self.access.server}: {str(error) or type(error).__name__}",
                hint="start one with `vigo serve`, or name another with --server or VIGO_SERVER",
            ) from error
        if notice and notice != self._noticed:
            self._noticed = notice
            output.warning(notice)
        if len(raw) > MAX_ANSWER_BYTES:
            raise Problem("the answer is too large; ask for less, or page by page")
        return response.status, raw


def connected(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes a `Client` first the options that say which server, and a client that follows them."""
    hints = typing.get_type_hints(command, include_extras=True)
    signature = inspect.signature(command)
    own = [
        parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in list(signature.parameters.values())[1:]
    ]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in _OPTIONS
    ]

    @functools.wraps(command)
    def run(
        *, server: str | None, token_file: Path | None, ca: Path | None, data_dir: Path | None, **arguments: Any
    ) -> None:
        client = Client(lambda: discover(server=server, token_file=token_file, ca=ca, data_dir=data_dir))
        command(client, **arguments)

    vars(run)["__signature__"] = signature.replace(parameters=[*own, *added])
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *added)}
    return run


def segment(text: str) -> str:
    """`text` as one segment of a path."""
    return quote(text, safe="")


def _refusal(access: Access, status: int, answer: Mapping[str, Any]) -> Problem:
    message = str(answer.get("message") or f"the server answered {status}")
    details = answer.get("details")
    hint = str(details.get("hint", "")) if isinstance(details, dict) else ""
    if status == 401:
        hint = hint or (
            "set VIGO_TOKEN or give --token-file; an administrator makes tokens with `vigo tokens create`"
            if access.token is None
            else "the token is wrong, expired or revoked"
        )
    if answer.get("fault") == "graphs.not_valid" and isinstance(details, dict):
        count = details.get("count")
        errors = "1 error" if count == 1 else f"{count} errors"
        hint = f"{errors} in all; `vigo validate --rev {details.get('commit')}` shows each"
        return Problem(message, hint=hint, exit=Exit.INVALID)
    return Problem(message, hint=hint, exit=Exit.CONFLICT if status == 409 else Exit.ERROR)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

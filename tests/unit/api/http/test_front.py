"""The front: one host, ours; one id, ours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schema.access import Role
from tests.server import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path, settings={"names": ["vigo.example.com", "localhost", "::1"]})
    yield made
    made.close()


def raw(server: Server, path: str, headers: list[tuple[bytes, bytes]], **scope: Any) -> tuple[int, dict[str, str]]:
    """One request past any client's own care."""
    sent: list[dict[str, Any]] = []
    given = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "scheme": "https",
        "headers": headers, "client": ("203.0.113.9", 1), "server": ("x", 1), "http_version": "1.1", "root_path": "",
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(server.application(given | scope, receive, send))
    return sent[0]["status"], {key.decode(): value.decode() for key, value in sent[0]["headers"]}


@pytest.mark.parametrize(
    "host", ["vigo.example.com", "VIGO.example.com:8443", "localhost", "vigo.example.com.", "[::1]:8443"]
)
def test_our_own_names_are_answered(server: Server, host: str) -> None:
    assert server.get("/api/v1/config/version", role=Role.VIEWER, headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example.com", "vigo.example.com.evil.com", "x/?y", "a#b", "", "localhost:x", "localhost:123456", "a b", "é"],
)
def test_other_names_are_refused(server: Server, host: str) -> None:
    status, headers = raw(server, "/api/v1/config/version", [(b"host", host.encode())])
    assert status == 400
    assert "x-request-id" in headers


def test_one_host_header_is_needed(server: Server) -> None:
    for hosts in ([], [(b"host", b"localhost"), (b"host", b"localhost")]):
        assert raw(server, "/healthz", hosts)[0] == 400


def test_a_probe_may_name_any_host(server: Server) -> None:
    assert raw(server, "/healthz", [(b"host", b"10.0.0.7:8443")])[0] == 200


@pytest.mark.parametrize(
    "path", ["/api/v1/../healthz", "/./healthz", "//healthz", "/healthz\\", "/healthz\0", "/api/.."]
)
def test_a_path_in_disguise_is_refused(server: Server, path: str) -> None:
    assert raw(server, path, [(b"host", b"localhost")])[0] == 400


def test_an_address_too_long_is_refused(server: Server) -> None:
    assert raw(server, "/healthz", [(b"host", b"localhost")], query_string=b"x" * 9_000)[0] == 400


def test_what_decides_is_the_path_and_never_the_host_header(server: Server) -> None:
    status, _ = raw(server, "/api/v1/users", [(b"host", b"localhost/healthz?")])
    assert status == 400


def test_an_unknown_websocket_is_closed(server: Server) -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/ws", "raw_path": b"/ws", "query_string": b"", "scheme": "wss", "root_path": "",
             "headers": [(b"host", b"localhost")], "client": ("203.0.113.9", 1), "subprotocols": []}  # fmt: skip
    asyncio.run(server.application(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": 4404}]

"""Health is asked for where the document says, and nowhere else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from api.workers.health import Health
from schema.rollouts import HealthCheck


class Answers(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        where = {"/moved": "/well", "/away": "http://localhost:1/", "/file": "file:///etc/passwd", "/round": "/round"}
        if self.path in where:
            self.send_response(302)
            self.send_header("Location", where[self.path])
        else:
            self.send_response({"/well": 200, "/gone": 410}.get(self.path, 503))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    made.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def ask(server: ThreadingHTTPServer, path: str, **options: int) -> str:
    check = HealthCheck(
        url=f"http://127.0.0.1:{server.server_port}{path}", **{"attempts": 1, "interval_s": 0, "timeout_s": 5} | options
    )
    health = Health()
    try:
        return asyncio.run(health.ask([check]))
    finally:
        health.close()


def test_an_answer_that_is_well_says_nothing(server: ThreadingHTTPServer) -> None:
    assert ask(server, "/well") == ""
    assert ask(server, "/moved") == ""
    assert ask(server, "/gone", status=410) == ""


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/ill", "answered 503"),
        ("/away", "leads to http://localhost, which the document does not name"),
        ("/file", "leads to file://, which the document does not name"),
        ("/round", "leads on and on"),
    ],
)
def test_what_is_not_well_says_why(server: ThreadingHTTPServer, path: str, why: str) -> None:
    assert ask(server, path).endswith(why)


def test_it_is_asked_as_often_as_the_check_says(server: ThreadingHTTPServer) -> None:
    assert ask(server, "/ill", attempts=3).endswith("answered 503, 3 times")
    assert server.asked == ["/ill"] * 3  # type: ignore[attr-defined]


def test_nobody_there_is_not_well(server: ThreadingHTTPServer) -> None:
    server.server_port = 1
    assert "does not answer" in ask(server, "/")

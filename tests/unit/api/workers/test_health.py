"""Health is asked for where the document says, and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import ValidationError

from api.workers import health as asking
from api.workers.health import Health, Unwell
from schema.documents import rollout as documents
from schema.rollouts import HealthCheck


class Answers(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        where = {
            "/moved": "/well",
            "/away": "http://localhost:1/",
            "/file": "file:///etc/passwd",
            "/round": "/round",
            "/port": f"http://127.0.0.1:{self.connection.getsockname()[1] ^ 1}/well",
            "/none": "http://[::1/",
        }
        if self.path in where:
            self.send_response(302)
            self.send_header("Location", where[self.path])
        elif self.path in {"/slow", "/endless"}:
            self._drip(b"." if self.path == "/slow" else b"x: " + b"y" * 32_000 + b"\r\n")
            return
        else:
            self.send_response({"/well": 200, "/gone": 410}.get(self.path, 503))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _drip(self, part: bytes) -> None:
        self.wfile.write(b"HTTP/1.0 200 OK\r\nx: ")
        with contextlib.suppress(OSError):
            for _ in range(500):
                self.wfile.write(part)
                self.wfile.flush()
                if self.server.over.wait(0.01):  # type: ignore[attr-defined]
                    return

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    made.asked = []  # type: ignore[attr-defined]
    made.over = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.over.set()  # type: ignore[attr-defined]
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
        ("/port", "which the document does not name"),
        ("/none", "leads to what is no address"),
        ("/endless", "answers without end"),
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


def test_who_answers_slowly_keeps_no_thread_longer_than_the_check_says(server: ThreadingHTTPServer) -> None:
    check = HealthCheck(url=f"http://127.0.0.1:{server.server_port}/slow", timeout_s=1)
    with pytest.raises(Unwell, match="in time"):  # in the thread itself: nobody ends it from outside
        asking.ask(check)


@pytest.mark.parametrize(
    ("host", "address", "may"),
    [
        ("app.example.com", "192.0.2.7", True),
        ("app.example.com", "10.1.2.3", True),
        ("app.example.com", "2001:db8::7", True),
        ("app.example.com", "127.0.0.1", False),
        ("app.example.com", "::1", False),
        ("app.example.com", "::ffff:127.0.0.1", False),
        ("2130706433", "127.0.0.1", False),
        ("localhost.", "127.0.0.1", False),
        ("localhost", "::1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("0", "0.0.0.0", False),
        ("169.254.169.254", "169.254.169.254", False),
        ("app.example.com", "::ffff:169.254.169.254", False),
        ("app.example.com", "64:ff9b::a9fe:a9fe", False),
        ("app.example.com", "2002:7f00:1::", False),
        ("app.example.com", "fe80::1%eth0", False),
        ("app.example.com", "fd00:ec2::254", False),
        ("app.example.com", "100.100.100.200", False),
        ("app.example.com", "224.0.0.1", False),
    ],
)
def test_health_is_asked_for_at_no_address_where_a_server_should_not_be_sent(
    host: str, address: str, may: bool
) -> None:
    assert asking.may_ask(host, address) is may


@pytest.mark.parametrize(
    "url", ["http://2130706433:1/", "http://0x7f.1:1/", "http://169.254.169.254/latest/", "http://0:1/"]
)
def test_m1_other_spellings_of_an_address_lead_there_no_more_than_its_own(url: str) -> None:
    with pytest.raises(Unwell, match="where no health is asked for"):
        asking.ask(HealthCheck(url=url, timeout_s=1))


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "http://user:secret@host/", "http://user@host/", "ftp://host/", "http:///x"]
)
def test_m1_a_document_names_nothing_but_plain_addresses(url: str) -> None:
    with pytest.raises(ValidationError):
        documents.HealthCheck.model_validate({"url": url})

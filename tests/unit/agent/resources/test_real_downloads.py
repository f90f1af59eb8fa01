"""Files fetched from a real server on loopback: resumed, judged, bounded, and never led elsewhere."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agent.hosts import RealHost
from agent.resources import TYPES
from agent.resources.types import Converged
from schema.protocol.reports import Outcome
from tests.factories.servers import served
from tests.strategies import machines

DATA = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(DATA).hexdigest()


class Web(ThreadingHTTPServer):
    """What it was asked for, and how it answers by path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.pages: dict[str, Callable[[Answering], None]] = {}
        self.stop = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is what some tests are about."""


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, Web)
        self.server.asked.append((self.path, dict(self.headers.items())))
        self.close_connection = True
        self.server.pages[self.path](self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing is said."""


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.stop.set()
    server.shutdown()
    thread.join()
    server.server_close()


def whole(data: bytes = DATA, *, ranges: bool = True) -> Callable[[Answering], None]:
    """All of it, or the part that is asked for."""

    def answer(to: Answering) -> None:
        asked = to.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and ranges else 0
        if start and start >= len(data):
            to.send_response(416)
            to.send_header("Content-Length", "0")
            to.end_headers()
            return
        to.send_response(206 if start else 200)
        if start:
            to.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        to.send_header("Content-Length", str(len(data) - start))
        to.end_headers()
        to.wfile.write(data[start:])

    return answer


def broken(after: int) -> Callable[[Answering], None]:
    """It promises all and breaks off."""

    def answer(to: Answering) -> None:
        to.send_response(200)
        to.send_header("Content-Length", str(len(DATA)))
        to.end_headers()
        to.wfile.write(DATA[:after])

    return answer


def redirect(target: str) -> Callable[[Answering], None]:
    def answer(to: Answering) -> None:
        to.send_response(302)
        to.send_header("Location", target)
        to.send_header("Content-Length", "0")
        to.end_headers()

    return answer


def in_turn(*pages: Callable[[Answering], None]) -> Callable[[Answering], None]:
    left = list(pages)

    def answer(to: Answering) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(to)

    return answer


def converge(web: Web, path: Path, page: str = "/x", **spec: Any) -> Converged:
    kind = TYPES["download"]
    url = f"http://127.0.0.1:{web.server_port}{page}"
    ready = kind.prepare(
        kind.spec.model_validate({"path": str(path), "url": url, "sha256": DIGEST, "timeout_s": 60, **spec}),
        machines.sources({}),
    )
    host = RealHost("/")
    result: Converged = kind.converge(host, ready, dry_run=False)
    if result.outcome is Outcome.CHANGED:
        asked = len(web.asked)
        assert kind.converge(host, ready, dry_run=False).outcome is Outcome.UNCHANGED
        assert len(web.asked) == asked
    host.close()
    return result


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_is_fetched_and_nothing_is_left_beside(web: Web, tmp_path: Path) -> None:
    web.pages["/x"] = whole()
    result = converge(web, tmp_path / "x", mode="0700", headers={"Authorization": "Bearer hush"})
    assert (result.outcome, result.error) == (Outcome.CHANGED, "")
    assert (tmp_path / "x").read_bytes() == DATA
    assert (tmp_path / "x").stat().st_mode & 0o7777 == 0o700
    assert names(tmp_path) == ["x"]
    assert web.asked[0][1]["Authorization"] == "Bearer hush"
    assert "hush" not in result.diff


def test_only_a_server_that_is_trusted_is_asked(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/x").write_bytes(DATA)
    with served(tmp_path / "web", tmp_path) as server:
        kind = TYPES["download"]
        spec = {"path": str(tmp_path / "x"), "url": f"{server.url}/x", "sha256": DIGEST}
        host = RealHost("/")
        refused = kind.converge(host, kind.spec.model_validate(spec), dry_run=False)
        assert "its certificate is not trusted" in refused.error
        assert server.asked == []
        spec["ca_file"] = str(server.ca_file)
        assert kind.converge(host, kind.spec.model_validate(spec), dry_run=False).outcome is Outcome.CHANGED
        host.close()
    assert (tmp_path / "x").read_bytes() == DATA


def test_what_broke_off_is_gone_on_with(web: Web, tmp_path: Path) -> None:
    web.pages["/x"] = in_turn(broken(300_000), whole())
    assert converge(web, tmp_path / "x").outcome is Outcome.CHANGED
    assert [headers.get("Range") for _, headers in web.asked] == [None, "bytes=300000-"]
    assert (tmp_path / "x").read_bytes() == DATA


def test_the_next_run_goes_on_with_what_is_there(web: Web, tmp_path: Path) -> None:
    web.pages["/x"] = in_turn(broken(300_000), redirect("ftp://x/y"))
    assert converge(web, tmp_path / "x").outcome is Outcome.FAILED
    (part,) = names(tmp_path)
    assert (tmp_path / part).stat().st_size == 300_000
    web.pages["/x"] = whole()
    assert converge(web, tmp_path / "x").outcome is Outcome.CHANGED
    assert web.asked[-1][1]["Range"] == "bytes=300000-"
    assert names(tmp_path) == ["x"]


def test_a_server_without_ranges_sends_it_whole_again(web: Web, tmp_path: Path) -> None:
    web.pages["/x"] = in_turn(broken(300_000), whole(ranges=False))
    assert converge(web, tmp_path / "x").outcome is Outcome.CHANGED
    assert (tmp_path / "x").read_bytes() == DATA


def test_a_part_that_is_of_another_file_is_thrown_away(web: Web, tmp_path: Path) -> None:
    web.pages["/x"] = in_turn(broken(300_000), redirect("ftp://x/y"))
    converge(web, tmp_path / "x")
    part = tmp_path / names(tmp_path)[0]
    for rubbish in (b"r" * 1000, b"r" * (len(DATA) + 1000), b"r" * len(DATA)):
        (tmp_path / "x").unlink(missing_ok=True)
        part.write_bytes(rubbish)
        web.pages["/x"] = whole()
        assert converge(web, tmp_path / "x").outcome is Outcome.CHANGED
        assert (tmp_path / "x").read_bytes() == DATA


def test_what_has_another_digest_never_gets_into_place(web: Web, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old")
    web.pages["/x"] = whole(DATA[:-1] + b"!")
    result = converge(web, tmp_path / "x")
    assert result.outcome is Outcome.FAILED
    assert "it is thrown away" in result.error
    assert (names(tmp_path), (tmp_path / "x").read_text()) == (["x"], "old")


@pytest.mark.parametrize("declared", [True, False])
def test_what_is_too_long_is_broken_off(web: Web, tmp_path: Path, declared: bool) -> None:
    def endless(to: Answering) -> None:
        to.send_response(200)
        if declared:
            to.send_header("Content-Length", str(10**12))
        to.end_headers()
        assert isinstance(to.server, Web)
        while not to.server.stop.is_set():
            to.wfile.write(bytes(65536))

    web.pages["/x"] = endless
    result = converge(web, tmp_path / "x", max_mib=1)
    assert (result.outcome, "longer than 1 MiB" in result.error) == (Outcome.FAILED, True)
    assert all((tmp_path / name).stat().st_size == 0 for name in names(tmp_path))


def test_a_server_that_drips_is_left_after_the_time_that_was_given(web: Web, tmp_path: Path) -> None:
    def drip(to: Answering) -> None:
        to.send_response(200)
        to.send_header("Content-Length", str(len(DATA)))
        to.end_headers()
        assert isinstance(to.server, Web)
        for at in range(len(DATA)):
            if to.server.stop.wait(0.05):
                return
            to.wfile.write(DATA[at : at + 1])

    web.pages["/x"] = drip
    result = converge(web, tmp_path / "x", timeout_s=1)
    assert result.outcome is Outcome.FAILED
    assert "did not come in time" in result.error
    (part,) = names(tmp_path)
    kept = (tmp_path / part).read_bytes()
    assert kept
    assert kept == DATA[: len(kept)]


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "gopher://x/", "http:///x", "http://x y/", "//"]
)
def test_a_redirect_leads_to_http_alone(web: Web, tmp_path: Path, target: str) -> None:
    web.pages["/x"] = redirect(target)
    result = converge(web, tmp_path / "x")
    assert result.outcome is Outcome.FAILED
    assert "redirect" in result.error
    assert not (tmp_path / "x").exists()


def test_redirects_are_followed_so_far_and_take_no_secret_elsewhere(web: Web, tmp_path: Path) -> None:
    web.pages["/x"] = redirect("/y?q=1")
    web.pages["/y?q=1"] = redirect(f"http://localhost:{web.server_port}/z")
    web.pages["/z"] = whole()
    result = converge(web, tmp_path / "x", headers={"authorization": "Bearer hush", "Accept": "*/*"})
    assert (result.outcome, result.error) == (Outcome.CHANGED, "")
    sent = [{name.lower(): value for name, value in headers.items()} for _, headers in web.asked]
    assert ["authorization" in each for each in sent] == [True, True, False]
    assert sent[2]["accept"] == "*/*"
    web.pages["/x"] = redirect("/x")
    assert "more than 10 redirects" in converge(web, tmp_path / "other").error


@pytest.mark.parametrize(("status", "asked"), [(404, 1), (403, 1), (500, 4)])
def test_what_may_pass_is_tried_again_and_what_may_not_is_not(
    web: Web, tmp_path: Path, status: int, asked: int
) -> None:
    def refuse(to: Answering) -> None:
        to.send_response(status)
        to.send_header("Content-Length", "0")
        to.end_headers()

    web.pages["/x"] = refuse
    result = converge(web, tmp_path / "x", timeout_s=1 if status == 500 else 60)
    assert f"the server answered {status}" in result.error
    assert 1 <= len(web.asked) <= asked


def test_nothing_is_written_through_what_stands_in_the_way(web: Web, tmp_path: Path) -> None:
    web.pages["/x"] = in_turn(broken(300_000), redirect("ftp://x/y"))
    (tmp_path / "d").mkdir()
    converge(web, tmp_path / "d/x")
    part = tmp_path / "d" / names(tmp_path / "d")[0]
    part.unlink()
    (tmp_path / "precious").write_text("before")
    part.symlink_to(tmp_path / "precious")
    web.pages["/x"] = whole()
    assert converge(web, tmp_path / "d/x").outcome is Outcome.FAILED
    assert (tmp_path / "precious").read_text() == "before"
    part.unlink()
    os.link(tmp_path / "precious", part)
    assert converge(web, tmp_path / "d/x").outcome is Outcome.FAILED
    assert (tmp_path / "precious").read_text() == "before"
    part.unlink(missing_ok=True)
    os.mkfifo(part)
    assert converge(web, tmp_path / "d/x").outcome is Outcome.FAILED


def test_a_server_that_says_nothing_does_not_hold_a_run(web: Web, tmp_path: Path) -> None:
    def silent(_to: Answering) -> None:
        web.stop.wait(30)

    web.pages["/x"] = silent
    assert converge(web, tmp_path / "x", timeout_s=1).outcome is Outcome.FAILED

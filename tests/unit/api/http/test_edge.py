"""The edge: who may, what is answered when it goes wrong, and what is left behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from starlette.responses import Response

from api.http.application import Application
from api.http.areas import Area, Call, NoPermission
from api.services.work import Work
from schema.access import Permission, Role
from schema.errors import Conflict, Exhausted, Invalid, Unavailable
from tests.server import Server

area = Area("notes")


class Note(BaseModel):
    text: str


class NoteTaken(Conflict):
    """Somebody has it."""

    code = "notes.taken"


@area("POST", "/notes", Permission.FLEET_WRITE, status=201, max_body=1_000, raises=[NoteTaken])
def take_note(work: Work, body: Note) -> Note:
    """Take a note."""
    work.audit("note.take", "note", body.text)
    if body.text == "taken":
        raise NoteTaken("it is taken", blocked=True, reason="somebody", holder="bob")
    if body.text == "undeclared":
        raise Invalid("no")
    if body.text == "bug":
        raise ZeroDivisionError("VIGOCANARY")
    return body


@area("GET", "/notes", Permission.FLEET_READ)
def read_notes(work: Work) -> list[Note]:
    """All notes."""
    return [Note(text=work.actor.name)]


@area("GET", "/notes/slow", Permission.PUBLIC, timeout_s=0.05)
async def slow(call: Call) -> Response:
    """Take a while."""
    await asyncio.sleep(5)
    return Response()


@area("GET", "/notes/limits", Permission.PUBLIC)
async def limits(call: Call) -> Response:
    """Be too much."""
    raise Exhausted("come back later", retry_after_s=2.5)


@area("GET", "/notes/silent", Permission.PUBLIC)
async def silent(call: Call) -> Response:
    """Need something that is silent."""
    raise Unavailable("the other side is silent")


@area("GET", "/notes/closable", Permission.PUBLIC, closed_by="public_bootstrap")
async def closable(call: Call) -> Response:
    """Be there, or not."""
    return Response(b"here", media_type="text/plain")


@area("GET", "/notes/{name}", Permission.FLEET_READ)
async def one_note(call: Call, name: str) -> Note:
    """One note."""
    call.status = 202
    return Note(text=name)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path, extra=(area,))
    yield made
    made.close()


def test_an_answer_and_its_headers(server: Server) -> None:
    answer = server.get("/notes", role=Role.VIEWER)
    assert (answer.status_code, answer.json()) == (200, [{"text": "viewer"}])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert "server" not in answer.headers


def test_a_literal_segment_beats_a_parameter(server: Server) -> None:
    assert server.get("/notes/closable").text == "here"
    answer = server.get("/notes/other", role=Role.VIEWER)
    assert (answer.status_code, answer.json()) == (202, {"text": "other"})


def test_without_credentials_401_and_without_the_permission_403(server: Server) -> None:
    nobody = server.post("/notes", json={"text": "x"})
    assert nobody.status_code == 401
    assert nobody.headers["www-authenticate"] == 'Bearer realm="vigo"'
    viewer = server.post("/notes", role=Role.VIEWER, json={"text": "x"})
    assert viewer.json() == {
        "message": "this needs the permission fleet.write",
        "error": "Forbidden",
        "statusCode": 403,
        "code": 403,
        "fault": "access.denied",
        "details": {"permission": "fleet.write"},
    }
    assert "note_take" not in {event["type"] for event in server.audit()}


def test_refusals_come_before_the_input_is_looked_at(server: Server) -> None:
    assert server.post("/notes", content=b"{").status_code == 401
    assert server.post("/notes", role=Role.VIEWER, content=b"{").status_code == 403
    assert server.post("/notes", role=Role.OPERATOR, content=b"{").status_code == 400


def test_a_fault_is_told_in_the_one_form(server: Server) -> None:
    answer = server.post("/notes", role=Role.OPERATOR, json={"text": "taken"})
    assert (answer.status_code, answer.json()) == (
        409,
        {
            "message": "it is taken",
            "error": "Conflict",
            "statusCode": 409,
            "code": 409,
            "fault": "notes.taken",
            "blocked": True,
            "reason": "somebody",
            "details": {"holder": "bob"},
        },
    )


def test_limits_and_silence_say_when_to_come_back(server: Server) -> None:
    exhausted = server.get("/notes/limits")
    assert (exhausted.status_code, exhausted.headers["retry-after"], exhausted.json()["retryAfter"]) == (429, "3", 3)
    silence = server.get("/notes/silent")
    assert (silence.status_code, silence.headers["retry-after"]) == (503, "5")


def test_an_undeclared_fault_is_answered_and_counted(server: Server) -> None:
    assert server.post("/notes", role=Role.OPERATOR, json={"text": "undeclared"}).status_code == 400
    assert server.application.edge.undeclared == {("POST", "/notes", "invalid")}


def test_a_bug_is_logged_whole_and_told_by_its_id_alone(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "vigo.http"):
        answer = server.post("/notes", role=Role.OPERATOR, json={"text": "bug"})
    request_id = answer.headers["x-request-id"]
    assert answer.status_code == 500
    assert answer.json()["details"] == {"request_id": request_id}
    assert "VIGOCANARY" not in answer.text
    assert request_id in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert "note_take" not in {event["type"] for event in server.audit()}


def test_the_request_id_stands_in_the_audit_log(server: Server) -> None:
    answer = server.post("/notes", role=Role.OPERATOR, json={"text": "x"}, headers={"x-request-id": "mine"})
    event = server.audit()[-1]
    assert event["request_id"] == answer.headers["x-request-id"] != "mine"
    assert (event["operator"], event["auth"][:6]) == ("operator", "token:")


def test_a_path_and_a_method_that_are_not_there(server: Server) -> None:
    assert server.get("/nothing").json()["fault"] == "http.no_such_path"
    answer = server.request("PUT", "/notes")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    assert server.request("HEAD", "/notes", role=Role.VIEWER).status_code == 200
    assert server.get("/notes/", role=Role.VIEWER).status_code == 404


def test_a_body_over_the_limit_is_refused_told_or_not(server: Server) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    assert server.post("/notes", role=Role.OPERATOR, content=b"x" * 1_001).status_code == 413
    streamed = server.post("/notes", role=Role.OPERATOR, content=parts())
    assert (streamed.status_code, streamed.json()["fault"]) == (413, "http.too_large")


def test_a_body_that_is_not_json_is_refused(server: Server) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = server.post("/notes", role=Role.OPERATOR, content=b'{"text":"x"}', headers={"content-type": kind})
        assert (answer.status_code, answer.json()["fault"]) == (415, "http.not_json")
    for kind in ("application/json; charset=utf-8", "application/vnd.api+json"):
        answer = server.post("/notes", role=Role.OPERATOR, content=b'{"text":"x"}', headers={"content-type": kind})
        assert answer.status_code == 201


def test_what_takes_too_long_is_ended(server: Server) -> None:
    answer = server.get("/notes/slow")
    assert (answer.status_code, answer.json()["fault"]) == (503, "http.too_slow")


def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    server = Server(tmp_path, extra=(area,), settings={"body_timeout_s": 0.05})

    async def hanging() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(5)

    answer = server.post("/notes", role=Role.OPERATOR, content=hanging())
    assert (answer.status_code, answer.json()["fault"]) == (503, "http.too_slow")
    server.close()


def test_a_closed_public_endpoint_is_not_there(tmp_path: Path) -> None:
    server = Server(tmp_path, extra=(area,), settings={"public_bootstrap": False})
    assert server.get("/notes/closable").status_code == 404
    assert server.get("/notes/closable", role=Role.ADMIN).status_code == 404
    server.close()


def test_a_public_endpoint_has_a_rate_for_each_peer(tmp_path: Path) -> None:
    server = Server(tmp_path, extra=(area,))
    server.application.edge._public._rate, server.application.edge._public._burst = 2.0, 5.0
    peers = ("198.51.100.1", "2001:db8::1")
    for peer in peers:
        answers = [server.get("/notes/closable", peer=peer).status_code for _ in range(6)]
        assert answers == [200] * 5 + [429]
    assert server.get("/notes/closable", peer="2001:db8::2").status_code == 429, "the same /64"
    spoofed = {"x-forwarded-for": "192.0.2.9", "forwarded": "for=192.0.2.9"}
    assert server.get("/notes/closable", peer=peers[0], headers=spoofed).status_code == 429
    server.clock.advance(0.5)
    assert server.get("/notes/closable", peer=peers[0]).status_code == 200
    server.close()


def test_refusals_are_recorded_but_cannot_fill_the_log(server: Server) -> None:
    before = len(server.audit())
    for _ in range(40):
        server.post("/notes", role=Role.VIEWER, json={"text": "x"})
    events = server.audit()[before:]
    assert 1 <= len(events) <= 10
    assert {(e["type"], e["operator"], e["outcome"], e["object_id"]) for e in events} == {
        ("access_denied", "viewer", "refused", "POST /notes")
    }
    server.clock.advance(60)
    server.post("/notes", role=Role.VIEWER, json={"text": "x"})
    assert len(server.audit()) == before + len(events) + 1


def test_an_endpoint_without_a_permission_does_not_start(server: Server) -> None:
    odd = Area("odd")
    with pytest.raises(NoPermission):
        odd("GET", "/odd", None)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        odd("GET", "/odd")  # type: ignore[call-arg]


def test_two_endpoints_of_one_path_and_method_do_not_start(server: Server) -> None:
    twice = Area("twice")
    for _ in range(2):
        twice("GET", "/notes", Permission.FLEET_READ)(read_notes)
    with pytest.raises(ValueError, match="twice"):
        Application(server.services, [twice])

"""Freeze, maintenance, quarantine and break-glass over REST: the shapes, and what is told beside them."""

from __future__ import annotations

import pytest

from api.storage import envoys as rows
from api.storage.envoys import Known
from schema.access import Role
from schema.ids import DEFAULT_PROJECT, new_id
from tests.server import Server

HOST = "web01.example.com"
SIX = "2026-11-23T06:00:00Z"
COMMIT = "a" * 40


@pytest.fixture
def envoy_id(server: Server) -> str:
    envoy = Known(new_id(), HOST, "0" * 64, "1" * 64, enrolled_at=1)
    server.services.db.write_now(lambda session: rows.add(session, DEFAULT_PROJECT, envoy))
    return envoy.id


def status(server: Server) -> dict[str, object]:
    return server.get("/api/v1/config/status", role=Role.VIEWER).json()


def test_a_freeze_is_set_shown_and_taken_off(server: Server) -> None:
    told = server.post("/api/v1/config/freeze", role=Role.DEVELOPER, json={"freeze_until": SIX})

    assert told.status_code == 200
    assert (told.json()["frozen"], told.json()["freeze_until"]) == (True, SIX)
    (hold,) = status(server)["holds"]  # type: ignore[misc]
    assert {key: value for key, value in hold.items() if key != "id"} == {
        "kind": "freeze", "match": None, "envoy_id": None, "hostname": None, "until": SIX, "reason": "",
        "created_at": "2026-11-22T12:00:00Z", "created_by": "developer",
    }  # fmt: skip
    answer = server.post("/api/v1/config/unfreeze", role=Role.DEVELOPER)
    assert answer.json() == {"frozen": False, "freeze_until": None, "holds": []}
    assert "holds" not in status(server)
    assert [event["type"] for event in server.audit()][-2:] == ["hold_set", "hold_lift"]


def test_a_freeze_of_some_hosts_is_lifted_alone(server: Server) -> None:
    server.post("/api/v1/config/freeze", role=Role.DEVELOPER, json={})
    server.post("/api/v1/config/freeze", role=Role.DEVELOPER, json={"match": "web*", "reason": "release day"})
    left = server.post("/api/v1/config/unfreeze?match=web*", role=Role.DEVELOPER).json()

    assert [(hold["match"], hold["until"]) for hold in left["holds"]] == [(None, None)]
    assert left["freeze_until"] is None
    assert server.post("/api/v1/config/unfreeze?match=db*", role=Role.DEVELOPER).json()["fault"] == "holds.not_found"


def test_an_envoy_is_in_maintenance_until_it_is_not(server: Server, envoy_id: str) -> None:
    made = server.request(
        "PUT", f"/api/v1/envoys/{HOST}/maintenance", role=Role.OPERATOR, json={"until": SIX, "reason": "new disks"}
    )

    assert made.status_code == 200
    assert (made.json()["kind"], made.json()["envoy_id"], made.json()["until"]) == ("maintenance", envoy_id, SIX)
    assert server.get("/api/v1/holds", role=Role.VIEWER).json() == {"holds": [made.json()], "break_glass": []}
    for _ in range(2):
        assert server.delete(f"/api/v1/envoys/{envoy_id}/maintenance", role=Role.OPERATOR).status_code == 204
    assert server.get("/api/v1/holds", role=Role.VIEWER).json() == {"holds": [], "break_glass": []}


def test_an_envoy_is_in_quarantine_and_its_hold_is_lifted_by_its_id(server: Server, envoy_id: str) -> None:
    made = server.request("PUT", f"/api/v1/envoys/{envoy_id}/quarantine", role=Role.OPERATOR, json={}).json()

    assert (made["kind"], made["hostname"], made["until"]) == ("quarantine", HOST, None)
    assert server.delete(f"/api/v1/holds/{made['id']}", role=Role.OPERATOR).status_code == 204
    assert server.delete(f"/api/v1/holds/{made['id']}", role=Role.OPERATOR).json()["fault"] == "holds.not_found"


def test_a_hold_that_means_nothing_is_refused(server: Server) -> None:
    for body in (
        {"kind": "freeze", "match": "web*", "envoy": HOST},
        {"kind": "holiday"},
        {"kind": "freeze", "until": "tomorrow"},
        {"kind": "freeze", "until": "2026-11-22T11:59:59Z"},
        {"kind": "freeze", "match": "/(/"},
        {"kind": "freeze", "match": "/a\0/"},
        {"kind": "freeze", "reason": "a\nb"},
    ):
        assert server.post("/api/v1/holds", role=Role.OPERATOR, json=body).status_code == 400, body
    assert server.get("/api/v1/holds", role=Role.VIEWER).json()["holds"] == []


def test_a_break_glass_permission_is_in_the_status_until_it_is_closed(server: Server) -> None:
    body = {"commit": COMMIT, "until": "2026-11-22T13:00:00Z", "reason": "the certificate expires"}
    assert server.post("/api/v1/break-glass", role=Role.DEVELOPER, json=body).status_code == 403
    made = server.post("/api/v1/break-glass", role=Role.OPERATOR, json=body)

    assert made.status_code == 201
    assert status(server)["break_glass"] == [made.json()]
    assert (made.json()["opened_by"], made.json()["ended_at"], made.json()["used_for"]) == ("operator", None, [])
    assert server.delete(f"/api/v1/break-glass/{made.json()['id']}", role=Role.OPERATOR).status_code == 204
    assert "break_glass" not in status(server)
    (over,) = server.get("/api/v1/break-glass", role=Role.VIEWER).json()["break_glass"]
    assert (over["ended_by"], over["ended_at"]) == ("operator", "2026-11-22T12:00:00Z")
    assert [event["type"] for event in server.audit()][-2:] == ["break_glass_open", "break_glass_close"]


def test_a_permission_without_bounds_or_reason_is_refused(server: Server) -> None:
    for body in (
        {"until": "2026-11-22T13:00:00Z", "reason": "names nothing at all"},
        {"until": "2026-11-22T13:00:00Z", "reason": "names both", "commit": COMMIT, "author": "ann@example.com"},
        {"until": "2026-11-22T13:00:00Z", "reason": "short", "commit": COMMIT},
        {"until": "2026-11-22T16:00:01Z", "reason": "more than four hours", "commit": COMMIT},
    ):
        assert server.post("/api/v1/break-glass", role=Role.ADMIN, json=body).status_code == 400, body
    assert server.get("/api/v1/break-glass", role=Role.VIEWER).json()["break_glass"] == []


def test_while_there_is_a_notice_every_answer_to_somebody_known_has_it(server: Server) -> None:
    assert "vigo-notice" not in server.get("/api/v1/holds", role=Role.VIEWER).headers
    server.services.notice = "break-glass is on"

    assert server.get("/api/v1/holds", role=Role.VIEWER).headers["vigo-notice"] == "break-glass is on"
    assert server.get("/api/v1/users", role=Role.VIEWER).headers["vigo-notice"] == "break-glass is on"
    assert "vigo-notice" not in server.get("/api/v1/holds").headers
    assert "vigo-notice" not in server.get("/healthz").headers

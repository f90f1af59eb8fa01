"""What holds hosts, from the command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.api.cli.conftest import Ran, Server

Vigo = Callable[..., Ran]

HOLD = {
    "id": "1", "kind": "freeze", "match": "web*", "envoy_id": None, "hostname": None, "until": "2026-11-23T06:00:00Z",
    "reason": "release day", "created_at": "2026-11-22T12:00:00Z", "created_by": "ann",
}  # fmt: skip
GLASS = {
    "id": "7", "commit": "a" * 40, "author": "", "match": "web*", "until": "2026-11-22T13:00:00Z", "reason": "it burns",
    "opened_at": "2026-11-22T12:00:00Z", "opened_by": "ann", "ended_at": None, "ended_by": "", "used_for": ["a" * 40],
}  # fmt: skip


def test_a_freeze_is_set_for_a_while(connected: Vigo, server: Server) -> None:
    server.answers["POST /api/v1/config/freeze"] = 200, {"frozen": True, "freeze_until": HOLD["until"], "holds": [HOLD]}
    ran = connected("config", "freeze", "--until", "6h", "--match", "web*", "--reason", "release day")

    assert ran == (0, "frozen: web*, until 2026-11-23 06:00:00Z: release day\n", "")
    body = server.requests[0].body
    assert (body["match"], body["reason"]) == ("web*", "release day")
    ahead = datetime.fromisoformat(body["freeze_until"]) - datetime.now(UTC)
    assert timedelta(hours=5, minutes=50) < ahead <= timedelta(hours=6)


def test_a_freeze_has_a_time_or_none(connected: Vigo, server: Server) -> None:
    server.answers["POST /api/v1/config/freeze"] = 200, {"frozen": True, "freeze_until": None, "holds": []}
    connected("config", "freeze")
    connected("config", "freeze", "--until", "2026-11-23T06:00:00Z")
    assert [request.body for request in server.requests] == [
        {"reason": ""},
        {"freeze_until": "2026-11-23T06:00:00Z", "reason": ""},
    ]
    wrong = connected("config", "freeze", "--until", "tomorrow")
    assert wrong.code == 1
    assert "neither a duration" in wrong.err


def test_a_freeze_is_taken_off(connected: Vigo, server: Server) -> None:
    server.answers["POST /api/v1/config/unfreeze"] = 200, {"frozen": False, "freeze_until": None, "holds": []}
    assert connected("config", "unfreeze", "--match", "web*") == (0, "nothing is frozen\n", "")
    assert connected("config", "unfreeze").code == 0
    assert [request.target for request in server.requests] == [
        "/api/v1/config/unfreeze?match=web%2A", "/api/v1/config/unfreeze",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["maintenance", "quarantine"])
def test_one_host_is_held_and_let_go(connected: Vigo, server: Server, kind: str) -> None:
    path = f"/api/v1/envoys/web1.example.com/{kind}"
    server.answers[f"PUT {path}"] = 200, HOLD | {"kind": kind, "hostname": "web1.example.com", "until": None}
    server.answers[f"DELETE {path}"] = 204, None

    assert connected("envoys", kind, "web1.example.com", "--reason", "disks") == (
        0, f"web1.example.com: {kind} until it is taken off\n", "",
    )  # fmt: skip
    assert connected("envoys", kind, "web1.example.com", "--end").out == f"web1.example.com: no {kind}\n"
    assert [(request.method, request.body) for request in server.requests] == [
        ("PUT", {"reason": "disks"}), ("DELETE", None),
    ]  # fmt: skip


def test_what_holds_hosts_is_listed_and_what_goes_through_is_warned_of(connected: Vigo, server: Server) -> None:
    server.answers["GET /api/v1/holds"] = 200, {"holds": [HOLD], "break_glass": [GLASS]}
    ran = connected("holds")

    columns = re.split("  +", ran.out.splitlines()[1])
    assert columns == ["freeze", "web*", "2026-11-23 06:00:00Z", "release day", "ann"]
    assert "break-glass for aaaaaaaaaaaa on web* until 2026-11-22 13:00:00Z, by ann: it burns" in ran.err
    server.answers["GET /api/v1/holds"] = 200, {"holds": [], "break_glass": []}
    assert connected("holds") == (0, "", "nothing holds any host\n")


def test_a_permission_is_opened_listed_and_closed(connected: Vigo, server: Server) -> None:
    server.answers["POST /api/v1/break-glass"] = 201, GLASS
    server.answers["GET /api/v1/break-glass"] = 200, {"break_glass": [GLASS]}
    server.answers["DELETE /api/v1/break-glass/7"] = 204, None
    opened = connected(
        "break-glass", "open", "--commit", "aaaa", "--for", "1h", "--match", "web*", "--reason", "it burns"
    )

    assert opened.code == 0
    assert opened.out == "break-glass for aaaaaaaaaaaa on web* until 2026-11-22 13:00:00Z, by ann: it burns\n"
    assert "`vigo break-glass close 7` ends it" in opened.err
    assert set(server.requests[0].body) == {"commit", "match", "until", "reason"}
    assert "aaaaaaaaaaaa on web*" in connected("break-glass", "list").out
    assert connected("break-glass", "close", "7") == (0, "closed\n", "")
    assert connected("break-glass", "open", "--commit", "aaaa", "--for", "1h").code == 1


def test_the_status_of_the_config_tells_of_freezes_and_that_there_is_more(connected: Vigo, server: Server) -> None:
    server.answers["GET /api/v1/config/status"] = 200, {
        "healthy": True, "version": 7, "last_error": "", "last_reload_at": "", "commit": "a" * 40, "diagnostics": [],
        "holds": [HOLD, HOLD | {"kind": "quarantine"}],
    }  # fmt: skip
    lines = connected("config", "status").out.splitlines()

    assert lines[-2:] == [
        "frozen: web*, until 2026-11-23 06:00:00Z: release day",
        "1 more hold hosts back; `vigo holds` lists them",
    ]

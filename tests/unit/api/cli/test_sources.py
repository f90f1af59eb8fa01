"""`vigo sources` and `vigo refs`: what a server follows, and what waits beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.unit.api.cli.conftest import Ran, Server

Vigo = Callable[..., Ran]

SOURCE: dict[str, Any] = {
    "state": "reading", "location": "https://git.example.com/acme/config.git", "kind": "remote", "track": "main",
    "commit": "a" * 40, "preview": ["refs/heads/pr/*"], "last_try_at": "2026-11-22T12:00:00Z",
    "last_read_at": "2026-11-22T12:00:00Z", "error": None, "refs": 2,
    "polling": {"interval_s": 30.0, "next_at": "2026-11-22T12:00:31Z", "failures": 0},
    "hooks": [
        {"provider": "github", "accepted": 3, "refused": 1, "last_at": "2026-11-22T12:00:00Z", "last": "accepted"}
    ],
}  # fmt: skip
VALID: dict[str, Any] = {
    "name": "pr/7", "ref": "refs/heads/pr/7", "commit": "b" * 40, "state": "valid", "author": "Jane <jane@example.com>",
    "summary": "another greeting", "committed_at": "2026-11-22T11:00:00Z", "moved_at": "2026-11-22T11:00:01Z",
    "message": "", "errors": 0, "diagnostics": [],
    "outlook": {
        "against": "a" * 40, "at": "2026-11-22T11:00:02Z", "summary": "1 kind of change over 2 hosts", "hosts": 2,
        "changed": 2, "removing": 0,
        "classes": [
            {"id": "c" * 64, "title": "motd: 1 changed", "certainty": "change", "count": 2, "hosts": ["web01", "web02"]}
        ],
    },
}  # fmt: skip
DIAGNOSTIC = {
    "code": "resource.unknown-type", "severity": "error", "file": "configcrates/motd.vgo", "line": 10, "column": 11,
    "message": "there is no resource type \x1b[2Jfiel", "hint": "",
}  # fmt: skip
INVALID = VALID | {
    "name": "pr/8", "ref": "refs/heads/pr/8", "state": "invalid", "errors": 3, "diagnostics": [DIAGNOSTIC], "outlook": None,
}  # fmt: skip


def test_what_is_followed_and_how_that_goes(connected: Vigo, server: Server) -> None:
    server.answers["GET /api/v1/sources"] = (200, SOURCE)
    shown = connected("sources")
    assert shown.code == 0
    assert "https://git.example.com/acme/config.git" in shown.out
    assert "every 30 s" in shown.out
    assert "3 taken, 1 refused" in shown.out
    assert json.loads(connected("sources", "--json").out) == SOURCE
    error = {"code": "repository.fetch_failed", "message": "it is \x1b[2J silent", "since": "2026-11-22T12:00:00Z"}
    server.answers["GET /api/v1/sources"] = (200, SOURCE | {"state": "unreadable", "error": error})
    shown = connected("sources")
    assert shown.code == 1
    assert "silent (repository.fetch_failed)" in shown.out
    assert "\x1b" not in shown.out
    local = SOURCE | {
        "kind": "local",
        "polling": None,
        "commit": None,
        "last_read_at": None,
        "hooks": [],
        "preview": [],
    }
    server.answers["GET /api/v1/sources"] = (200, local)
    assert "nothing yet" in connected("sources").out


def test_refs_are_listed_with_what_each_would_change(connected: Vigo, server: Server) -> None:
    server.answers["GET /api/v1/sources/refs"] = (200, {"refs": [INVALID, VALID], "count": 5, "left_out": 2})
    shown = connected("refs")
    assert shown.code == 0
    lines = [line.split() for line in shown.out.splitlines()]
    assert lines[1][:3] == ["pr/8", "invalid", "b" * 12]
    assert lines[1][-2:] == ["3", "errors"]
    assert lines[2][-3:] == ["2", "of", "2"]
    assert "5 more refs are not listed" in shown.err
    server.answers["GET /api/v1/sources/refs"] = (200, {"refs": [], "count": 0, "left_out": 0})
    assert "--preview" in "".join(connected("refs")[1:])


def test_one_ref_says_what_is_wrong_with_it_or_whom_it_would_change(connected: Vigo, server: Server) -> None:
    server.answers["GET /api/v1/sources/refs"] = (200, {"refs": [INVALID], "count": 1, "left_out": 0})
    shown = connected("refs", "pr/8")
    assert shown.code == 2
    assert "configcrates/motd.vgo:10:11: error[resource.unknown-type]" in shown.out
    assert "\x1b" not in shown.out
    assert "2 more are not shown" in shown.err
    assert server.requests[-1].target == "/api/v1/sources/refs?name=pr%2F8&limit=100"
    assert connected("refs", "pr/8", "--json").code == 2
    server.answers["GET /api/v1/sources/refs"] = (200, {"refs": [VALID], "count": 1, "left_out": 0})
    shown = connected("refs", "pr/7")
    assert shown.code == 0
    assert "1 kind of change over 2 hosts" in shown.out
    assert "web01, web02" in shown.out
    server.answers["GET /api/v1/sources/refs"] = (200, {"refs": [], "count": 0, "left_out": 0})
    absent = connected("refs", "pr/9")
    assert absent.code == 1
    assert "no ref pr/9" in absent.err


def test_a_repository_that_cannot_be_read_is_no_invalid_config(connected: Vigo, server: Server) -> None:
    status = {
        "healthy": False, "version": 3, "last_error": "x", "last_reload_at": "2026-11-22T12:00:00Z", "commit": "a" * 40,
        "failed_commit": None, "unreadable": "the repository cannot be read: it is silent", "diagnostics": [],
        "signatures": "not required",
    }  # fmt: skip
    server.answers["GET /api/v1/config/status"] = (200, status)
    shown = connected("config", "status")
    assert shown.code == 1
    assert "the repository cannot be read: it is silent" in shown.out
    assert "is not in force" not in shown.out

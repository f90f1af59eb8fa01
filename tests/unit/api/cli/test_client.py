"""Requests to the server, and what its answers mean on a command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Server

Vigo = Callable[..., "tuple[int, str, str]"]

ENVOY = {
    "id": "0199", "hostname": "web01.example.com", "ipAddress": "", "enrolledAt": "2026-11-22T00:00:00Z", "lastSeen": None,
    "revoked": False, "agentVersion": "0.1.0", "status": "online", "convergence": "converged", "environment": "production",
    "commit": "a" * 40, "generation": 3, "stalled": "", "lastRunAt": "2026-11-22T00:00:01Z",
}  # fmt: skip
PAGE = {"envoys": [ENVOY], "total": 1, "offset": 0, "limit": 500, "hasMore": False, "nextOffset": 0}


def test_a_read_prints_a_table_in_a_pipe(connected: Vigo, server: Server) -> None:
    server.answers["GET /api/v1/envoys"] = (200, PAGE)

    code, out, err = connected("envoys", "list")

    assert (code, err) == (0, "")
    assert out.splitlines()[0].split() == [
        "HOSTNAME",
        "CONNECTION",
        "CONVERGENCE",
        "ENVIRONMENT",
        "COMMIT",
        "LAST",
        "RUN",
    ]
    assert out.splitlines()[1].split() == [
        "web01.example.com", "online", "converged", "production", "aaaaaaaaaaaa", "2026-11-22", "00:00:01Z",
    ]  # fmt: skip
    assert server.requests == [("GET", "/api/v1/envoys?includeRevoked=false&limit=500&offset=0", "vgot_test", None)]


def test_with_json_it_prints_the_answer_itself(connected: Vigo, server: Server) -> None:
    server.answers["GET /api/v1/envoys"] = (200, PAGE)

    code, out, _ = connected("envoys", "list", "--json")

    assert (code, json.loads(out)) == (0, PAGE)


def test_what_a_host_calls_itself_cannot_act_in_the_terminal(connected: Vigo, server: Server) -> None:
    hostile = {**ENVOY, "hostname": "web\x1b]0;owned\x07\r\nfake"}
    server.answers["GET /api/v1/envoys"] = (200, {**PAGE, "envoys": [hostile]})

    _, out, _ = connected("envoys", "list")

    assert out.replace("\n", "").isprintable()
    assert len(out.splitlines()) == 2


@pytest.mark.parametrize(("status", "code"), [(400, 1), (401, 1), (403, 1), (404, 1), (409, 3), (429, 1), (503, 1)])
def test_a_refusal_is_one_message_and_an_exit_code(connected: Vigo, server: Server, status: int, code: int) -> None:
    server.answers["GET /api/v1/envoys"] = (status, {"message": "that is so", "details": {"hint": "do this"}})

    assert connected("envoys", "list") == (code, "", "error: that is so\nhint: do this\n")


def test_without_a_token_the_hint_says_where_one_comes_from(
    connected: Vigo, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIGO_TOKEN")
    server.answers["GET /api/v1/envoys"] = (401, {"message": "who are you?"})

    _, _, err = connected("envoys", "list")

    assert err.startswith("error: who are you?\nhint: set VIGO_TOKEN")
    assert server.requests[0].token is None


def test_a_server_with_another_certificate_is_not_talked_to(
    connected: Vigo, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIGO_CA")

    code, out, err = connected("envoys", "list")

    assert (code, out) == (1, "")
    assert err.startswith(f"error: {server.url} is not trusted: self-signed certificate")
    assert "ca.pem" in err
    assert server.requests == []


def test_a_silent_server_is_told_with_a_hint(vigo: Vigo) -> None:
    code, _, err = vigo("envoys", "list", "--server", "https://127.0.0.1:1")

    assert code == 1
    assert err.startswith("error: no server answers at https://127.0.0.1:1: [Errno 111]")
    assert "vigo serve" in err


def test_a_server_that_is_no_vigo_is_told(connected: Vigo, server: Server) -> None:
    server.answers["GET /api/v1/envoys"] = (200, b"<html>")

    code, _, err = connected("envoys", "list")

    assert code == 1
    assert "did not answer in JSON" in err


def test_a_hostname_is_one_segment_of_the_path(connected: Vigo, server: Server) -> None:
    connected("envoys", "show", "../users?x#y")

    assert server.requests[0].target == "/api/v1/envoys/..%2Fusers%3Fx%23y"


def test_a_secret_comes_from_standard_input_and_is_never_shown(connected: Vigo, server: Server) -> None:
    server.answers["PUT /api/v1/secrets/db/password"] = (200, {"name": "db/password", "version": 1})

    code, out, err = connected("secrets", "set", "db/password", stdin=b"CANARY two\nlines\n")

    assert code == 0
    assert server.requests[0].body == {"value": "CANARY two\nlines"}
    assert "CANARY" not in out + err


def test_an_empty_secret_is_refused_before_anything_is_sent(connected: Vigo, server: Server) -> None:
    code, _, err = connected("secrets", "set", "db/password", stdin=b"")

    assert code == 1
    assert err.startswith("error: no value of db/password was given")
    assert server.requests == []


def test_a_password_of_a_new_user_is_never_an_argument(connected: Vigo, server: Server) -> None:
    server.answers["POST /api/v1/users"] = (201, {"username": "jane", "role": "operator"})

    code, out, _ = connected("users", "create", "jane", "--role", "operator", stdin=b"correct horse battery\n")

    assert (code, out) == (0, "jane is operator\n")
    assert server.requests[0].body["password"] == "correct horse battery"


def test_a_new_token_goes_to_standard_output_alone(connected: Vigo, server: Server) -> None:
    made = {"id": "abc", "name": "ci", "token": "vgot_x", "expires_at": "2027-01-01T00:00:00Z"}
    server.answers["POST /api/v1/auth/tokens"] = (201, made)

    code, out, err = connected("tokens", "create", "ci", "--expires-in", "720h")

    assert (code, out) == (0, "vgot_x\n")
    assert "not shown again" in err
    assert server.requests[0].body == {"name": "ci", "expires_in": "720h"}


def test_a_broken_chain_ends_1_and_says_where(connected: Vigo, server: Server) -> None:
    verdict = {"valid": False, "entry_count": 9, "first_broken": 4, "error": "hash mismatch at entry 4"}
    server.answers["GET /api/v1/audit/verify"] = (200, verdict)

    assert connected("audit", "verify") == (1, "The chain is BROKEN at entry 4: hash mismatch at entry 4\n", "")


def test_an_unhealthy_config_ends_2_with_its_diagnostics(connected: Vigo, server: Server) -> None:
    diagnostic = {
        "code": "graph.unknown-crate", "severity": "error", "file": "roles.vgo", "line": 4, "column": 9,
        "message": "no configcrate is named ngnix", "hint": "nginx?",
    }  # fmt: skip
    status = {
        "healthy": False, "version": 3, "last_error": "roles.vgo:4:9: ...", "last_reload_at": "2026-11-22T00:00:00Z",
        "commit": "a" * 40, "failed_commit": "b" * 40, "diagnostics": [diagnostic],
    }  # fmt: skip
    server.answers["GET /api/v1/config/status"] = (200, status)

    code, out, _ = connected("config", "status")

    assert code == 2
    assert "roles.vgo:4:9: error[graph.unknown-crate]: no configcrate is named ngnix\n     = hint: nginx?\n" in out


def test_the_audit_log_becomes_a_pdf_that_holds_its_entries_and_verdict(
    connected: Vigo, server: Server, tmp_path: Path
) -> None:
    pytest.importorskip("weasyprint", reason="PDF needs Pango", exc_type=OSError)
    entry = {
        "id": "00", "type": "user.create", "operator": "<b>jane</b>", "timestamp": "2026-11-22T00:00:00Z",
        "summary": "user.create user 1\x1b", "index": 0, "outcome": "success", "object_type": "user", "object_id": "1",
        "auth": "basic", "request_id": "r", "hash": "f" * 64,
    }  # fmt: skip
    server.answers["GET /api/v1/audit"] = (200, {"events": [entry]})
    server.answers["GET /api/v1/audit/verify"] = (
        200, {"valid": True, "entry_count": 1, "first_broken": None, "error": ""},
    )  # fmt: skip
    target = tmp_path / "audit.pdf"

    code, out, err = connected("audit", "export", "--pdf", str(target))

    assert (code, err) == (0, "")
    assert target.read_bytes().startswith(b"%PDF-")
    assert out == f"{target}: 1 entries, {target.stat().st_size} bytes\n"


def test_a_pdf_page_escapes_what_it_is_told() -> None:
    from api.cli import pdf

    html = pdf.page("<t>", [("<p>", True)], ("<c>",), [("<script>",)])

    assert "<script>" not in html
    assert "<t>" not in html.replace("<table>", "").replace("<thead>", "").replace("<tbody>", "").replace("<tr>", "")


@pytest.mark.parametrize("spoken", [("runs",), ("runs", "list")])
def test_runs_alone_is_the_list_with_its_options(connected: Vigo, server: Server, spoken: tuple[str, ...]) -> None:
    server.answers["GET /api/v1/runs"] = (200, {"runs": []})

    assert connected(*spoken, "--host", "web01", "--json") == (0, '{\n  "runs": []\n}\n', "")
    assert connected(*spoken) == (0, "", "no runs yet\n")
    assert [request.target for request in server.requests] == [
        "/api/v1/runs?hostname=web01&limit=50",
        "/api/v1/runs?limit=50",
    ]
    assert "show" in connected("runs", "--help")[1]


def test_a_list_says_what_is_revoked_and_what_is_stalled(connected: Vigo, server: Server) -> None:
    common = {
        "status": "online",
        "convergence": "converged",
        "environment": "production",
        "commit": None,
        "lastRunAt": None,
    }
    envoys = [
        {"hostname": "a", "revoked": True, "stalled": "", **common},
        {"hostname": "b", "revoked": False, "stalled": "the secret db/password is not there", **common},
    ]
    server.answers["GET /api/v1/envoys"] = (200, {"envoys": envoys, "hasMore": False})
    code, out, err = connected("envoys", "list", "--include-revoked")
    first, second = (line.split() for line in out.splitlines()[1:])
    assert (code, first[:3], second[:3]) == (0, ["a", "revoked", "production"], ["b", "online", "converged"])
    assert err == "b gets nothing newer: the secret db/password is not there\n"

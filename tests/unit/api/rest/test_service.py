"""Health, metrics, the API's own description."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from api.services import revisions
from schema.access import Role
from tests.server import Server


def test_health_says_little_to_anybody(server: Server) -> None:
    answer = server.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "bolt_id": ""})


def test_a_server_whose_database_takes_no_writes_is_not_healthy(server: Server) -> None:
    server.services.db.writer.close()
    answer = server.get("/healthz")
    assert (answer.status_code, answer.json()["fault"]) == (503, "service.not_healthy")


def test_metrics_answer_loopback_or_a_token(server: Server) -> None:
    assert server.get("/metrics").status_code == 401
    assert server.get("/metrics", peer="127.0.0.1").status_code == 200
    assert server.get("/metrics", peer="127.0.0.1", headers={"x-forwarded-for": "1.2.3.4"}).status_code == 401
    assert server.get("/metrics", role=Role.VIEWER).status_code == 200
    assert server.get("/metrics", peer="127.0.0.1", token="vgot_wrong").status_code == 401


def test_metrics_are_opened_by_a_setting(tmp_path: Path) -> None:
    server = Server(tmp_path, settings={"public_metrics": True})
    assert server.get("/metrics").status_code == 200
    server.close()


def test_metrics_are_read_by_prometheus_own_parser(server: Server) -> None:
    server.services.write_now(
        server.system, lambda work: revisions.record_in_force(work, commit="a" * 40, plan_root="", compiled_ms=1.0)
    )
    server.get("/api/v1/users", role=Role.VIEWER)
    answer = server.get("/metrics", peer="127.0.0.1")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    asked = (("method", "GET"), ("route", "/api/v1/users"), ("status", "403"))
    assert found["vigo_http_requests_total", asked] == 1
    assert found["vigo_config_healthy", ()] == 1
    assert found["vigo_config_version", ()] == 1
    assert found["vigo_audit_entries", ()] == 12
    assert found["vigo_database_units", ()] >= found["vigo_database_commits", ()] > 0


def test_labels_never_come_from_a_path(server: Server) -> None:
    for number in range(20):
        server.get(f"/nothing/{number}")
        server.delete(f"/api/v1/auth/tokens/{number}", role=Role.VIEWER)
    text = server.get("/metrics", peer="127.0.0.1").text
    assert "/nothing" not in text
    assert 'route="/api/v1/auth/tokens/{id}"' in text
    assert "tokens/7" not in text


def test_the_description_is_for_whoever_is_known(server: Server) -> None:
    assert server.get("/api/v1/openapi.json").status_code == 401
    assert server.get("/api/v1/openapi.json", role=Role.VIEWER).json()["openapi"] == "3.1.0"

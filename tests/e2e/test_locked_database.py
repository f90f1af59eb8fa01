"""Somebody else holds the server's database, a backup tool or an operator's shell: writes are refused in words, reading
goes on, and it heals as soon as they let go."""

from __future__ import annotations

import contextlib

from pysqlite3 import dbapi2 as sqlite

from tests.e2e.site import Site, until


def test_a_locked_database_refuses_writes_answers_reads_and_heals(site: Site) -> None:
    site.set_secret("held/before", "1")
    connection = sqlite.connect(str(site.data / "vigo.db"), isolation_level=None)
    with contextlib.closing(connection):
        connection.execute("BEGIN IMMEDIATE")
        refused = site.ask("PUT", "/api/v1/secrets/held/during", json={"value": "2"})
        assert refused.status_code == 503
        assert refused.json()["fault"] == "database.unavailable"
        assert site.get("/api/v1/config/status")["healthy"] is True
        connection.execute("ROLLBACK")
    until("it is written again", lambda: _put(site, "held/after") == 200)
    names = {secret["name"] for secret in site.get("/api/v1/secrets")["secrets"]}
    assert {"held/before", "held/after"} <= names
    assert "held/during" not in names
    assert site.get("/api/v1/audit/verify")["valid"] is True
    assert site.server is not None
    assert site.server.code is None


def _put(site: Site, name: str) -> int:
    return site.ask("PUT", f"/api/v1/secrets/{name}", json={"value": "3"}).status_code

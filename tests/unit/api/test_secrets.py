"""The vault, and what the API says of secrets."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from api.services import secrets
from api.services.pki import keyfiles
from api.services.secrets import Vault, VaultBroken
from schema.access import Role
from schema.ids import DEFAULT_PROJECT
from tests.fleet import FleetServer

PROJECT = DEFAULT_PROJECT


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FleetServer]:
    made = FleetServer(tmp_path_factory.mktemp("secrets"))
    yield made
    made.close()


# The vault.


def test_the_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    first, second = Vault.open(tmp_path), Vault.open(tmp_path)
    assert first.key_id == second.key_id
    assert stat.S_IMODE((tmp_path / "secrets.key").stat().st_mode) == 0o600
    (tmp_path / "secrets.key").chmod(0o644)
    with pytest.raises(keyfiles.KeyExposed):
        Vault.open(tmp_path)


@pytest.mark.parametrize("key", ["", "nonsense", "ab" * 31])
def test_a_key_that_is_none_is_refused(tmp_path: Path, key: str) -> None:
    (tmp_path / "secrets.key").write_text(key)
    (tmp_path / "secrets.key").chmod(0o600)
    with pytest.raises(VaultBroken):
        Vault.open(tmp_path)


@given(st.text(min_size=1, max_size=200))
def test_what_was_sealed_opens_again_and_shows_nothing(value: str) -> None:
    vault = Vault(bytes(32))
    if any(0xD800 <= ord(char) < 0xE000 for char in value):
        return
    sealed = vault.seal(PROJECT, "a", 1, value, now=0)
    assert vault.open_value(PROJECT, sealed) == value
    assert len(sealed.ciphertext) == len(value.encode()) + 16
    assert sealed != vault.seal(PROJECT, "a", 1, value, now=0)


def test_a_ciphertext_opens_in_its_own_place_alone() -> None:
    vault = Vault(bytes(32))
    sealed = vault.seal(PROJECT, "a", 1, "hunter2", now=0)
    moved = [
        (PROJECT, sealed._replace(name="b")),
        (PROJECT, sealed._replace(version=2)),
        ("another", sealed),
        (PROJECT, sealed._replace(ciphertext=sealed.ciphertext[:-1])),
        (PROJECT, sealed._replace(ciphertext=sealed.ciphertext[:-16])),
        (PROJECT, sealed._replace(ciphertext=bytes([sealed.ciphertext[0] ^ 1]) + sealed.ciphertext[1:])),
        (PROJECT, sealed._replace(nonce=bytes(12))),
    ]
    for project, one in moved:
        with pytest.raises(VaultBroken):
            vault.open_value(project, one)
    with pytest.raises(VaultBroken, match="another key"):
        Vault(b"x" * 32).open_value(PROJECT, sealed)


# Over the API.


def put(server: FleetServer, name: str, value: object, role: Role = Role.ADMIN) -> int:
    return server.request("PUT", f"/api/v1/secrets/{name}", role=role, json={"value": value}).status_code


def test_a_value_goes_in_and_never_comes_out(server: FleetServer) -> None:
    canary = "VIGOCANARY0123456789abcdef"
    answer = server.request("PUT", "/api/v1/secrets/db/one", role=Role.ADMIN, json={"value": canary})
    assert answer.json().keys() == {"name", "version", "updated_at"}
    assert (answer.json()["name"], answer.json()["version"]) == ("db/one", 1)
    listed = server.get("/api/v1/secrets", role=Role.ADMIN)
    assert canary not in listed.text
    rows = server.services.db.read_now(lambda session: session.execute(text("SELECT * FROM secrets")).all())
    assert canary not in repr(rows)
    assert canary not in repr(server.audit())
    assert ("secret_set", "db/one") in [(e["type"], e["object_id"]) for e in server.audit()]
    found = server.services.read_now(
        server.system, lambda work: secrets.values(work, server.services.own["vault"], ["db/one", "none"])
    )
    assert found == {"db/one": (1, canary)}


def test_versions_grow_and_do_not_come_back_when_a_secret_does(server: FleetServer) -> None:
    for _ in range(2):
        assert put(server, "db/two", "x") == 200
    assert server.delete("/api/v1/secrets/db/two", role=Role.ADMIN).status_code == 204
    assert server.delete("/api/v1/secrets/db/two", role=Role.ADMIN).status_code == 404
    answer = server.request("PUT", "/api/v1/secrets/db/two", role=Role.ADMIN, json={"value": "y"})
    assert answer.json()["version"] == 3


@pytest.mark.parametrize("name", ["a//b", "a b", "%C3%A4", "x" * 257, "a/", "secret:"])
def test_a_name_that_no_reference_can_have_is_refused(server: FleetServer, name: str) -> None:
    assert put(server, name, "x") in {400, 404}


@pytest.mark.parametrize("value", ["", "x" * 65_537, "a\0b", 5, None, {"a": "b"}])
def test_a_value_that_does_not_fit_is_refused_and_not_repeated(server: FleetServer, value: object) -> None:
    answer = server.request("PUT", "/api/v1/secrets/db/three", role=Role.ADMIN, json={"value": value})
    assert answer.status_code == 400
    assert "xxxx" not in answer.text


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR, Role.DEVELOPER, Role.OPERATOR])
def test_values_are_an_administrators_to_set_and_forget(server: FleetServer, role: Role) -> None:
    assert put(server, "db/four", "x", role) == 403
    assert server.delete("/api/v1/secrets/db/one", role=role).status_code == 403
    assert server.get("/api/v1/secrets", role=role).status_code == 200


def test_a_start_with_another_key_is_refused(server: FleetServer) -> None:
    assert put(server, "db/five", "x") == 200
    server.services.read_now(server.system, lambda work: secrets.check(work, server.services.own["vault"]))
    with pytest.raises(VaultBroken):
        server.services.read_now(server.system, lambda work: secrets.check(work, Vault(bytes(32))))

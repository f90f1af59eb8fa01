"""Bytes become a desired state only if each piece is the one that the piece above it names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent import desired
from agent.desired import DesiredUnreadable
from schema import canonical
from schema.ids import sha256
from tests.strategies.catalogs import COMMIT, ENVOY, EXPIRES

CRATE = {"format": 1, "name": "web", "when": None, "vars": {}, "resources": []}


def pieces(crate: Any = None, **catalog: Any) -> tuple[bytes, bytes, dict[str, bytes]]:
    body = crate if isinstance(crate, bytes) else canonical.dumps(crate or CRATE)
    shared = {
        "format": 1, "environment": "e", "roles": [], "vars": {}, "content": {}, "secrets": [],
        "crates": [{"name": "web", "sha256": sha256(body), "size": len(body), "requires": []}],
        **catalog,
    }  # fmt: skip
    text = canonical.dumps(shared)
    assignment = {
        "format": 1, "project": "p", "envoy_id": ENVOY, "epoch": 1, "generation": 1, "commit": COMMIT,
        "catalog_sha256": sha256(text), "sealed_secrets_sha256": "0" * 64, "plan_root": "0" * 64,
        "created": "2026-01-01T00:00:00Z", "expires": "2027-01-01T00:00:00Z",
    }  # fmt: skip
    return canonical.dumps(assignment), text, {sha256(body): body}


def read(assignment: bytes, catalog: bytes, objects: dict[str, bytes]) -> desired.Desired:
    return desired.read(assignment=assignment, catalog=catalog, load=objects.__getitem__, hostname="h")


def test_good_pieces_are_read() -> None:
    assignment, catalog, objects = pieces()
    found = read(assignment, catalog, objects)
    assert found.assignment_sha256 == sha256(assignment)
    assert [crate.name for crate in found.crates] == ["web"]
    assert found.assignment.expires < EXPIRES


def test_a_usercrate_is_read_as_one_and_nothing_else_is() -> None:
    body = canonical.dumps({**CRATE, "kind": "usercrate", "users": ["ada"]})
    ref = {"name": "web", "sha256": sha256(body), "size": len(body), "requires": []}
    assignment, catalog, objects = pieces(usercrates=[ref])
    found = read(assignment, catalog, {**objects, sha256(body): body})
    assert [(crate.name, crate.users, crate.include_root) for crate in found.usercrates] == [("web", ["ada"], False)]
    plain = {**ref, "sha256": sha256(canonical.dumps(CRATE)), "size": 1}
    for catalog_of, message in (
        ({"usercrates": [plain]}, "usercrate web .*: kind"),
        ({"crates": [ref]}, "crate web .*: kind"),
    ):
        assignment, catalog, objects = pieces(**catalog_of)
        with pytest.raises(DesiredUnreadable, match=message):
            read(assignment, catalog, {**objects, sha256(body): body})


def test_a_secret_is_not_shown_with_the_rest() -> None:
    assignment, catalog, objects = pieces()
    found = desired.read(
        assignment=assignment, catalog=catalog, load=objects.__getitem__, hostname="h", secrets={"pw": "hunter2"}
    )
    assert found.secrets == {"pw": "hunter2"}
    assert "hunter2" not in repr(found)


def test_another_catalog_is_refused() -> None:
    assignment, _, objects = pieces()
    with pytest.raises(DesiredUnreadable, match="not the one that the assignment names"):
        read(assignment, pieces(environment="other")[1], objects)


def test_another_object_is_refused() -> None:
    assignment, catalog, objects = pieces()
    with pytest.raises(DesiredUnreadable, match="not the one that the catalog names"):
        read(assignment, catalog, dict.fromkeys(objects, canonical.dumps({**CRATE, "vars": {"a": 1}})))
    with pytest.raises(LookupError):
        read(assignment, catalog, {})


def test_the_object_of_another_crate_is_refused() -> None:
    with pytest.raises(DesiredUnreadable, match="that of db"):
        read(*pieces({**CRATE, "name": "db"}))


@pytest.mark.parametrize(
    ("crate", "message"),
    [
        (b"{", "crate web cannot be read"),
        (json.dumps(CRATE).encode(), "not in canonical form|canonical"),
        ({**CRATE, "format": 2}, "not in a form that this agent knows: format"),
        ({**CRATE, "fromat": 1}, "not in a form that this agent knows: fromat"),
    ],
)
def test_what_this_agent_does_not_understand_is_refused(crate: Any, message: str) -> None:
    with pytest.raises(DesiredUnreadable, match=message):
        read(*pieces(crate))

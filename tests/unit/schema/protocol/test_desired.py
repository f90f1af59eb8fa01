"""What is read from signed bytes: nothing unknown is let in, nothing is coerced."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from schema import canonical
from schema.ids import sha256
from schema.protocol.desired import (
    NO_SECRETS,
    Assignment,
    Catalog,
    CompiledResource,
    CrateObject,
    SealedSecrets,
    secret_info,
)

DIGEST = "0" * 64
ENVOY = "01890a5d-ac96-774b-bcce-b302099a8057"
RESOURCE = {
    "id": "motd/motd",
    "type": "file",
    "spec": {"path": "/etc/motd"},
    "file": "configcrates/motd.vgo",
    "line": 3,
}
CRATE = {"format": 1, "name": "motd", "vars": {"a": 1}, "resources": [RESOURCE]}
CATALOG = {
    "format": 1,
    "environment": "production",
    "roles": ["base"],
    "vars": {},
    "crates": [{"name": "motd", "sha256": DIGEST, "size": 10}],
    "content": {"templates/motd.j2": {"sha256": DIGEST, "size": 0}},
    "secrets": [],
}
ASSIGNMENT = {
    "format": 1,
    "project": "p",
    "envoy_id": ENVOY,
    "epoch": 0,
    "generation": 1,
    "commit": "a" * 40,
    "catalog_sha256": DIGEST,
    "sealed_secrets_sha256": NO_SECRETS,
    "plan_root": DIGEST,
    "created": "2026-11-22T00:00:00Z",
    "expires": "2026-12-22T00:00:00Z",
}
SHAPES: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (CompiledResource, RESOURCE),
    (CrateObject, CRATE),
    (Catalog, CATALOG),
    (Assignment, ASSIGNMENT),
]
NAMES = [shape.__name__ for shape, _ in SHAPES]


@pytest.mark.parametrize(("shape", "plain"), SHAPES, ids=NAMES)
def test_a_signed_thing_comes_back_from_its_canonical_bytes(shape: type[BaseModel], plain: dict[str, Any]) -> None:
    data = canonical.dumps(shape.model_validate(plain).model_dump(mode="json", exclude_defaults=False))
    again = shape.model_validate(canonical.loads(data))
    assert again == shape.model_validate(plain)
    assert canonical.dumps(again.model_dump(mode="json")) == data


@pytest.mark.parametrize(("shape", "plain"), SHAPES, ids=NAMES)
def test_a_field_that_is_not_known_is_refused_at_any_depth(shape: type[BaseModel], plain: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        shape.model_validate({**plain, "news": 1})
    if shape is CrateObject:
        with pytest.raises(ValidationError, match="extra_forbidden"):
            shape.model_validate({**plain, "resources": [{**RESOURCE, "news": 1}]})
    if shape is Catalog:
        with pytest.raises(ValidationError, match="extra_forbidden"):
            shape.model_validate({**plain, "crates": [{**CATALOG["crates"][0], "news": 1}]})  # type: ignore[index, dict-item]


@pytest.mark.parametrize(
    ("shape", "plain", "change"),
    [
        (CrateObject, CRATE, {"format": 2}),
        (Catalog, CATALOG, {"format": 2}),
        (Assignment, ASSIGNMENT, {"format": 0}),
        (Assignment, ASSIGNMENT, {"epoch": -1}),
        (Assignment, ASSIGNMENT, {"generation": -1}),
        (Assignment, ASSIGNMENT, {"commit": "main"}),
        (Assignment, ASSIGNMENT, {"envoy_id": "web01"}),
        (Assignment, ASSIGNMENT, {"catalog_sha256": "x"}),
        (Assignment, ASSIGNMENT, {"plan_root": ""}),
        (Assignment, ASSIGNMENT, {"expires": "never"}),
        (Catalog, CATALOG, {"content": {"a": {"sha256": DIGEST, "size": -1}}}),
        (Catalog, CATALOG, {"crates": [{"name": "a", "sha256": "../x", "size": 1}]}),
        (CompiledResource, RESOURCE, {"on_removal": "burn"}),
        (CompiledResource, RESOURCE, {"spec": []}),
    ],
)
def test_a_value_out_of_its_bounds_is_refused(
    shape: type[BaseModel], plain: dict[str, Any], change: dict[str, Any]
) -> None:
    shape.model_validate(plain)
    with pytest.raises(ValidationError):
        shape.model_validate({**plain, **change})


def test_no_secrets_is_the_digest_of_nothing() -> None:
    assert sha256(b"") == NO_SECRETS


def test_what_a_secret_is_sealed_for_is_told_apart_part_by_part() -> None:
    infos = {
        secret_info("p", "e", "n"),
        secret_info("pe", "", "n"),
        secret_info("p", "en", ""),
        secret_info("", "pe", "n"),
        secret_info("p", "e", "m"),
    }
    assert len(infos) == 5
    assert all(info.startswith(b"vigo-secret-v1\0") for info in infos)


def test_sealed_secrets_are_frozen() -> None:
    sealed = SealedSecrets(sealed={"a": "b"})
    with pytest.raises(ValidationError):
        sealed.sealed = {}  # type: ignore[misc]

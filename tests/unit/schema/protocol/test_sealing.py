"""A sealed secret opens for its envoy, name and catalog, and for nothing else."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from schema.protocol.desired import NO_SECRETS, SealedSecrets
from schema.protocol.sealing import NotForUs, seal, unseal

BOUND = {
    "project": "p1",
    "envoy_id": "0198f000-0000-7000-8000-000000000001",
    "name": "db/password",
    "catalog_sha256": "a" * 64,
}


def test_the_holder_of_the_key_reads_what_was_sealed() -> None:
    key = X25519PrivateKey.generate()
    assert unseal(key, seal(key.public_key(), "hunter2 ü", **BOUND), **BOUND) == "hunter2 ü"


def test_another_key_does_not_open_it() -> None:
    sealed = seal(X25519PrivateKey.generate().public_key(), "hunter2", **BOUND)
    with pytest.raises(NotForUs, match="db/password"):
        unseal(X25519PrivateKey.generate(), sealed, **BOUND)


@pytest.mark.parametrize("field", sorted(BOUND))
def test_nothing_it_is_bound_to_may_differ(field: str) -> None:
    key = X25519PrivateKey.generate()
    sealed = seal(key.public_key(), "hunter2", **BOUND)
    with pytest.raises(NotForUs):
        unseal(key, sealed, **{**BOUND, field: BOUND[field][:-1] + "x"})


@pytest.mark.parametrize("sealed", ["", "no base64!", base64.b64encode(b"short").decode()])
def test_what_is_no_ciphertext_is_refused_alike(sealed: str) -> None:
    with pytest.raises(NotForUs):
        unseal(X25519PrivateKey.generate(), sealed, **BOUND)


def test_the_digest_of_no_secrets_is_the_digest_of_nothing() -> None:
    assert SealedSecrets(sealed={}).sha256 == NO_SECRETS
    assert SealedSecrets(sealed={"a": "b"}).sha256 != NO_SECRETS

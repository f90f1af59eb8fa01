"""Sealing: HPKE (RFC 9180, base mode) of one secret to one envoy's X25519 key.

DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. `cryptography` offers HPKE's single-shot form without AAD, so what
a ciphertext is bound to (project, envoy, name, catalog) stands all in `info`, which RFC 9180 mixes into the key itself.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from schema.protocol.desired import secret_info

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class NotForUs(ValueError):
    """The ciphertext does not open: another key, envoy, project, name or catalog, or other bytes."""


def seal(key: X25519PublicKey, value: str, *, project: str, envoy_id: str, name: str, catalog_sha256: str) -> str:
    """A secret's value as only the holder of that key can read it: base64 of `enc ‖ ciphertext`."""
    sealed = _SUITE.encrypt(value.encode(), key, _info(project, envoy_id, name, catalog_sha256))
    return base64.b64encode(sealed).decode("ascii")


def unseal(key: X25519PrivateKey, sealed: str, *, project: str, envoy_id: str, name: str, catalog_sha256: str) -> str:
    """The value that `seal` was given.

    Raises:
        NotForUs: it does not open with this key for this envoy, name and catalog.
    """
    try:
        data = base64.b64decode(sealed, validate=True)
        return _SUITE.decrypt(data, key, _info(project, envoy_id, name, catalog_sha256)).decode()
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise NotForUs(f"secret {name} does not open with this envoy's key") from error


def _info(project: str, envoy_id: str, name: str, catalog_sha256: str) -> bytes:
    return secret_info(project, envoy_id, name) + b"\0" + catalog_sha256.encode()

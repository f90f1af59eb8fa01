"""Signatures: Ed25519 over a domain prefix and the received bytes; read only after they are verified."""

from __future__ import annotations

import base64
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from schema.ids import sha256
from schema.protocol.signed import MAX_SIGNED_BYTES as MAX_SIGNED_BYTES
from schema.protocol.signed import Signed as Signed


class Domain(StrEnum):
    """What a signature is for; one made for a catalog never passes for an assignment."""

    CATALOG = "vigo-catalog-v1"
    ASSIGNMENT = "vigo-assignment-v1"
    ARTIFACT = "vigo-agent-artifact-v1"
    RECEIPT = "vigo-receipt-v1"
    APPROVAL = "vigo-plan-approval-v1"
    PROBE = "vigo-probe-v1"


class BadSignature(ValueError):
    """The bytes are not what the holder of the key signed for this purpose."""


def key_id(key: Ed25519PublicKey) -> str:
    """SHA-256 of the raw 32 bytes of a public key."""
    return sha256(key.public_bytes_raw())


def sign(key: Ed25519PrivateKey, domain: Domain, body: bytes) -> Signed:
    """`body`, signed for one purpose. `body` is UTF-8 text, canonical JSON in every use here."""
    return Signer(key).sign(domain, body)


class Signer:
    """Signs many texts with one key, of which the id is computed once."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key: Final = key
        self._key_id: Final = key_id(key.public_key())

    def sign(self, domain: Domain, body: bytes) -> Signed:
        """As `sign`."""
        signature = base64.b64encode(self._signature(_message(domain, body))).decode("ascii")
        return Signed(body=body.decode(), key_id=self._key_id, signature=signature)

    def _signature(self, message: bytes) -> bytes:
        return self._key.sign(message)


def verify(key: Ed25519PublicKey, domain: Domain, signed: Signed) -> bytes:
    """The bytes of `signed.body`, now known to be from the holder of `key` and for this purpose.

    Raises:
        BadSignature: another key, another purpose, or other bytes.
    """
    if signed.key_id != key_id(key):
        raise BadSignature(f"signed by key {signed.key_id[:16]}, expected {key_id(key)[:16]}")
    try:
        body = signed.body.encode()
        key.verify(base64.b64decode(signed.signature, validate=True), _message(domain, body))
    except (InvalidSignature, ValueError) as error:  # not base64, not ASCII, not UTF-8
        raise BadSignature(f"the signature for {domain} does not match") from error
    return body


def _message(domain: Domain, body: bytes) -> bytes:
    return domain.encode() + b"\n" + body

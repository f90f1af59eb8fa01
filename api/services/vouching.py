"""Vouching: what is checked of receipts, and signed for envoys, by the thousand a second.

Each thing here answers as the one that it stands for, several times as quickly: what it does not make out goes to that
one, whose word is the last.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from nacl.bindings import crypto_sign, crypto_sign_BYTES, crypto_sign_open
from nacl.exceptions import CryptoError

from schema import canonical
from schema.ids import sha256
from schema.protocol.receipts import Receipt, outcomes_digest
from schema.protocol.reports import Report
from schema.protocol.signed import Signed
from schema.protocol.signing import BadSignature, Domain, Signer, verify

_FACTS: Final = attrgetter("id", "type", "outcome", "changed", "corrective")
_SAFE: Final = 2**53
_CANONICAL: Final = msgspec.json.Encoder(order="sorted")
_READ: Final = msgspec.json.Decoder()


class Hand(Signer):
    """`signing.Signer` by libsodium: the same signatures, in two thirds of the time, without the interpreter's lock."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        super().__init__(key)
        self._secret: Final = key.private_bytes_raw() + key.public_key().public_bytes_raw()

    def _signature(self, message: bytes) -> bytes:
        return crypto_sign(message, self._secret)[:crypto_sign_BYTES]


def dumps(value: Mapping[str, str | int]) -> bytes:
    """`canonical.dumps_plain` of a map.

    Raises:
        NotCanonical: a lone surrogate.
    """
    try:
        body = _CANONICAL.encode(value)
        return body if body.isascii() else canonical.dumps_plain(value)
    except UnicodeEncodeError:
        return canonical.dumps_plain(value)


def signed_body(key: bytes, domain: Domain, signed: Signed) -> bytes:
    """`signing.verify` by a raw public key: by libsodium, which takes half the time and not the interpreter's lock.

    It accepts nothing that OpenSSL, and so whoever checks a receipt elsewhere, does not; what it refuses is asked of
    that one.

    Raises:
        BadSignature
    """
    if signed.key_id == sha256(key):
        try:
            body = signed.body.encode()
            signature = base64.b64decode(signed.signature, validate=True)
            if len(signature) == crypto_sign_BYTES:
                crypto_sign_open(signature + domain.encode() + b"\n" + body, key)
                return body
        except (CryptoError, ValueError):
            pass
    try:
        public = Ed25519PublicKey.from_public_bytes(key)
    except ValueError as error:
        raise BadSignature("this is no key") from error
    return verify(public, domain, signed)


def receipt(body: bytes) -> Receipt:
    """The receipt whose canonical form these bytes are.

    Raises:
        NotCanonical
        ValidationError: of another shape.
    """
    return Receipt.model_validate(_plain(body) or canonical.loads(body))


def outcomes(report: Report) -> str:
    """`schema.protocol.receipts.outcomes_digest`."""
    try:
        return sha256(_CANONICAL.encode([*map(_FACTS, report.resources)]))
    except UnicodeEncodeError:
        return outcomes_digest(report)


def _plain(body: bytes) -> dict[str, Any] | None:
    """A flat map of texts and whole numbers, where these are its canonical bytes; None of all else."""
    try:
        value = _READ.decode(body)
        if type(value) is dict and all(map(_is_plain, value.values())) and _CANONICAL.encode(value) == body:
            return value if body.isascii() else None
    except (msgspec.DecodeError, UnicodeError):
        pass
    return None


def _is_plain(value: object) -> bool:
    return type(value) is str or (type(value) is int and -_SAFE < value < _SAFE)

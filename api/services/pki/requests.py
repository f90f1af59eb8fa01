"""Certificate requests of agents: PKCS #10 (RFC 2986) that proves three keys and asks for nothing.

A request may not choose its subject, name an extension or carry an attribute of its own: what is not expected is
refused, not ignored, since an operator may yet see it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.x509.oid import NameOID

from schema.errors import Invalid
from schema.protocol.enrolment import ED25519_ATTRIBUTE, MAX_CSR_BYTES, X25519_ATTRIBUTE, decode_key

_PEM: Final = re.compile(
    r"-----BEGIN CERTIFICATE REQUEST-----\r?\n"
    r"(?:[A-Za-z0-9+/]{1,76}={0,2}\r?\n)+"
    r"-----END CERTIFICATE REQUEST-----(?:\r?\n)?"
)
_COMMON_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_HASHES: Final = frozenset({"sha256", "sha384", "sha512"})

_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P


class BadRequest(Invalid):
    """The certificate request is not one that an agent makes."""

    code = "enrolment.bad_request"


@dataclass(frozen=True, slots=True)
class AgentRequest:
    """What an agent proved to hold: its TLS key by the request's signature, the other two as attributes under it."""

    tls_key: ec.EllipticCurvePublicKey
    ed25519: bytes
    """Raw public key of receipts, 32 bytes."""
    x25519: bytes
    """Raw public key that secrets are sealed to, 32 bytes."""


def read_request(pem: str) -> AgentRequest:
    """The keys of one certificate request.

    Raises:
        BadRequest: not exactly one PEM request, another key than P-256, a signature that does not match, a subject or
            attribute beyond the two keys, or a key that is no point to seal to or verify with. The message never
            repeats the request's own text.
    """
    if len(pem) > MAX_CSR_BYTES or not pem.isascii() or _PEM.fullmatch(pem) is None:
        raise BadRequest("the certificate request is not one PEM block of at most 16 KiB")
    try:
        request = x509.load_pem_x509_csr(pem.encode("ascii"))
        key = request.public_key()
        algorithm = request.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadRequest("the certificate request cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadRequest("the certificate request is for another kind of key than P-256")
    if algorithm is None or algorithm.name not in _HASHES:
        raise BadRequest("the certificate request is signed with a weak digest")
    if not request.is_signature_valid:
        raise BadRequest("the certificate request is not signed by the key it names")
    _check_subject(request)
    attributes = _attributes(request)
    return AgentRequest(key, _ed25519(attributes[ED25519_ATTRIBUTE]), _x25519(attributes[X25519_ATTRIBUTE]))


def _check_subject(request: x509.CertificateSigningRequest) -> None:
    # A plain common name is tolerated, as tools insist on one, and not used.
    try:
        names = list(request.subject)
    except ValueError as error:
        raise BadRequest("the subject of the certificate request cannot be read") from error
    if not names:
        return
    value = names[0].value
    plain = isinstance(value, str) and _COMMON_NAME.fullmatch(value) is not None and ".." not in value
    if len(names) > 1 or names[0].oid != NameOID.COMMON_NAME or not plain:
        raise BadRequest("the certificate request names a subject; the server chooses that")


def _attributes(request: x509.CertificateSigningRequest) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        for attribute in request.attributes:
            oid = attribute.oid.dotted_string
            if oid not in (ED25519_ATTRIBUTE, X25519_ATTRIBUTE):
                raise BadRequest("the certificate request asks for more than its keys: it has another attribute")
            if oid in found:
                raise BadRequest("the certificate request names a key twice")
            found[oid] = attribute.value
    except ValueError as error:
        raise BadRequest("the attributes of the certificate request cannot be read") from error
    if len(found) != 2:
        raise BadRequest("the certificate request lacks its Ed25519 or its X25519 key")
    return found


def _x25519(value: bytes) -> bytes:
    raw = _decode(value)
    try:
        # A point of low order gives the all-zero secret, which OpenSSL refuses: nothing could ever be sealed to it.
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(raw))
    except ValueError as error:
        raise BadRequest("the X25519 key is no point that secrets can be sealed to") from error
    return raw


def _ed25519(value: bytes) -> bytes:
    """The raw key, known to be the canonical encoding of a point that is not of low order (RFC 8032, 5.1.3)."""
    raw = _decode(value)
    y = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    if y >= _P:
        raise BadRequest("the Ed25519 key is not in canonical form")
    numerator, denominator = (y * y - 1) % _P, (_D * y * y + 1) % _P
    square = numerator * pow(denominator, -1, _P) % _P
    if square != 0 and pow(square, (_P - 1) // 2, _P) != 1:
        raise BadRequest("the Ed25519 key is no point of the curve")
    if _order_divides_eight(square, y):
        raise BadRequest("the Ed25519 key has low order")
    return raw


def _order_divides_eight(x_squared: int, y: int) -> bool:
    # Doubling (x, y) three times in the curve's own coordinates; only x² and y are needed, as
    # y' = (y² + x²) / (1 - d·x²·y²) and x'² = 4·x²·y² / (1 + d·x²·y²)².
    for _ in range(3):
        product = _D * x_squared * y * y % _P
        x_squared, y = (
            4 * x_squared * y * y * pow(1 + product, -2, _P) % _P,
            (y * y + x_squared) * pow(1 - product, -1, _P) % _P,
        )
    return (x_squared, y) == (0, 1)


def _decode(value: bytes) -> bytes:
    try:
        return decode_key(value)
    except ValueError as error:
        raise BadRequest("a key attribute of the certificate request is not 32 bytes in base64") from error

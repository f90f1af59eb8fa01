"""Public keys of OpenSSH: from a line or from the wire, and what a signature under one of them has to be.

Formats: RFC 4253 and 8332 (RSA), RFC 5656 (ECDSA), RFC 8709 (Ed25519), PROTOCOL.u2f of OpenSSH (security keys).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from reconciler.repository.signatures.commits import SignatureRefused
from reconciler.repository.signatures.wire import Reader

MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 16384
MAX_KEY_BYTES: Final = 8 * 1024

_ED25519: Final = "ssh-ed25519"
_RSA: Final = "ssh-rsa"
_SK_ED25519: Final = "sk-ssh-ed25519@openssh.com"
_SK_ECDSA: Final = "sk-ecdsa-sha2-nistp256@openssh.com"
_CURVES: Final[dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]]] = {
    "nistp256": (ec.SECP256R1(), hashes.SHA256()),
    "nistp384": (ec.SECP384R1(), hashes.SHA384()),
    "nistp521": (ec.SECP521R1(), hashes.SHA512()),
}
_RSA_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "rsa-sha2-256": hashes.SHA256(),
    "rsa-sha2-512": hashes.SHA512(),
}
_TOUCHED: Final = 0x01
"""Flag of a security key: somebody was there."""

_Key = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True, slots=True)
class SshKey:
    """A public key that can verify."""

    kind: str
    blob: bytes
    """As on the wire."""
    _key: _Key
    _application: bytes = b""

    @property
    def fingerprint(self) -> str:
        """`SHA256:…`, as `ssh-keygen -l` shows it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode("ascii").rstrip("=")

    @property
    def line(self) -> str:
        """As OpenSSH writes it, without a comment."""
        return f"{self.kind} {base64.b64encode(self.blob).decode('ascii')}"

    @classmethod
    def parse(cls, line: str) -> SshKey:
        """The key of a line `KIND BASE64 [COMMENT]`.

        Raises:
            SignatureRefused: not one, of a kind that is not verified here, or an RSA key that is too short.
        """
        words = line.split(None, 2)
        if len(words) < 2:
            raise SignatureRefused("a public key is written KIND BASE64")
        try:
            blob = base64.b64decode(words[1], validate=True)
        except (binascii.Error, ValueError) as error:
            raise SignatureRefused("the public key is not base64") from error
        key = cls.of(blob)
        if key.kind != words[0]:
            raise SignatureRefused(f"the public key says {words[0][:64]!r} and is {key.kind}")
        return key

    @classmethod
    def of(cls, blob: bytes) -> SshKey:
        """The key of these bytes.

        Raises:
            SignatureRefused: as `parse`.
        """
        if len(blob) > MAX_KEY_BYTES:
            raise SignatureRefused(f"a public key of more than {MAX_KEY_BYTES} bytes")
        reader = Reader(blob, "the public key")
        kind = reader.text()
        try:
            key, application = _read(kind, reader)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise SignatureRefused(f"the public key is no {kind}: {error}") from error
        reader.end()
        return cls(kind, blob, key, application)

    def verify(self, signature: bytes, data: bytes) -> None:
        """Return if this is a signature of `data`, as on the wire: algorithm, then what belongs to it.

        Raises:
            SignatureRefused: it is not, or of a hash or kind that this key does not sign with.
        """
        reader = Reader(signature, "the signature")
        algorithm = reader.text()
        value = reader.string()
        if self.kind in {_SK_ED25519, _SK_ECDSA}:
            flags, counter = reader.byte(), reader.take(4)
            if not flags & _TOUCHED:
                raise SignatureRefused("nobody touched the security key for this signature")
            data = hashlib.sha256(self._application).digest() + bytes([flags]) + counter + hashlib.sha256(data).digest()
        reader.end()
        allowed = _RSA_HASHES if self.kind == _RSA else {self.kind}
        if algorithm not in allowed:
            raise SignatureRefused(f"a key of the kind {self.kind} does not sign with {algorithm}")
        try:
            self._verify(algorithm, value, data)
        except (InvalidSignature, ValueError) as error:
            raise SignatureRefused("the signature is not of this commit") from error

    def _verify(self, algorithm: str, value: bytes, data: bytes) -> None:
        key = self._key
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(value, data)
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(value, data, padding.PKCS1v15(), _RSA_HASHES[algorithm])
        else:
            numbers = Reader(value, "the signature")
            r, s = numbers.integer(), numbers.integer()
            numbers.end()
            _, digest = _CURVES[_curve_of(self.kind)]
            key.verify(encode_dss_signature(r, s), data, ec.ECDSA(digest))


def _read(kind: str, reader: Reader) -> tuple[_Key, bytes]:
    if kind in {_ED25519, _SK_ED25519}:
        key: _Key = ed25519.Ed25519PublicKey.from_public_bytes(reader.string())
    elif kind == _RSA:
        exponent, modulus = reader.integer(), reader.integer()
        if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS:
            raise SignatureRefused(f"an RSA key of {modulus.bit_length()} bits; at least {MIN_RSA_BITS} are needed")
        key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    elif kind == _SK_ECDSA or kind.removeprefix("ecdsa-sha2-") in _CURVES:
        curve = reader.text()
        if curve != _curve_of(kind):
            raise SignatureRefused(f"a key of the kind {kind} on the curve {curve}")
        key = ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[curve][0], reader.string())
    elif "-cert-v" in kind:
        raise SignatureRefused("signatures by certificates are not verified; name the key itself")
    else:
        raise SignatureRefused(f"keys of the kind {kind!r} are not verified")
    return key, reader.string() if kind in {_SK_ED25519, _SK_ECDSA} else b""


def _curve_of(kind: str) -> str:
    return "nistp256" if kind == _SK_ECDSA else kind.removeprefix("ecdsa-sha2-")

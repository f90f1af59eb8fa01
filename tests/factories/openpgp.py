"""OpenPGP keys small enough to read: one packet, whose fingerprint is worked out here as RFC 9580 says it."""

from __future__ import annotations

import base64
import hashlib


def key(number: int, version: int = 4) -> bytes:
    """A public key packet in the new format, of made-up material."""
    body = bytes([version]) + b"\x60\x00\x00\x00\x16" + bytes([number]) * 20
    return b"\xc6" + bytes([len(body)]) + body


def fingerprint(number: int, version: int = 4) -> str:
    body = key(number, version)[2:]
    if version == 4:
        return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body).hexdigest().upper()
    return hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).hexdigest().upper()


def armored(data: bytes) -> str:
    text = base64.b64encode(data).decode()
    return f"-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: small\n\n{text}\n-----END PGP PUBLIC KEY BLOCK-----\n"

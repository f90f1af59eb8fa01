"""The keys of an agent: three of its own, and the server's that signs for it.

P-256 for TLS, Ed25519 for receipts, X25519 for sealed secrets: PKCS #8 PEM, 0600. `signing.pub` is the server's raw
Ed25519 key in hex.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from schema.errors import Invalid

_ED25519: Final = bytes.fromhex("302e020100300506032b657004220420")
_X25519: Final = bytes.fromhex("302e020100300506032b656e04220420")
"""PKCS #8 of such a key, without attributes (RFC 8410, 7): this, and the 32 bytes of the key. It is read here, since
what reads every kind of key there is costs a process that ends in a moment 8 ms, and one that stays 0.8 MiB."""
_KEY_BYTES: Final = 32


class KeyUnreadable(Invalid):
    """A key file does not hold the key that it is for."""

    code = "agent.key_unreadable"


def signing(path: Path) -> Ed25519PublicKey:
    """The server's key that signs catalogs and assignments.

    Raises:
        KeyUnreadable: the file holds no such key.
    """
    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(path.read_text("ascii")))
    except (OSError, ValueError) as error:
        raise KeyUnreadable(f"{path}: {error}") from error


def receipts(path: Path) -> Ed25519PrivateKey:
    """Our key that receipts are signed with.

    Raises:
        KeyUnreadable: the file holds no such key.
    """
    return Ed25519PrivateKey.from_private_bytes(_private(path, _ED25519, "Ed25519"))


def sealing(path: Path) -> X25519PrivateKey:
    """Our key that secrets are sealed to.

    Raises:
        KeyUnreadable: the file holds no such key.
    """
    return X25519PrivateKey.from_private_bytes(_private(path, _X25519, "X25519"))


def _private(path: Path, prefix: bytes, kind: str) -> bytes:
    try:
        begin, *body, end = path.read_text("ascii").strip().splitlines()
        data = base64.b64decode("".join(body), validate=True)
    except (OSError, ValueError) as error:
        raise KeyUnreadable(f"{path}: {error}") from error
    framed = (begin, end) == ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----")
    if not framed or not data.startswith(prefix) or len(data) != len(prefix) + _KEY_BYTES:
        raise KeyUnreadable(f"{path} holds no {kind} key")
    return data[len(prefix) :]

"""The keys of an agent: three of its own, and the server's that signs for it.

P-256 for TLS, Ed25519 for receipts, X25519 for sealed secrets: PKCS #8 PEM, 0600. `signing.pub` is the server's raw
Ed25519 key in hex.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from schema.errors import Invalid


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
    key = _private(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnreadable(f"{path} holds no Ed25519 key")
    return key


def sealing(path: Path) -> X25519PrivateKey:
    """Our key that secrets are sealed to.

    Raises:
        KeyUnreadable: the file holds no such key.
    """
    key = _private(path)
    if not isinstance(key, X25519PrivateKey):
        raise KeyUnreadable(f"{path} holds no X25519 key")
    return key


def _private(path: Path) -> object:
    try:
        return load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise KeyUnreadable(f"{path}: {error}") from error

"""Signatures of commits as OpenSSH makes them, with an Ed25519 key: what `ssh-keygen -Y sign -n git` would write.

Pure: keys and bytes in, text out. Who may sign what is judged elsewhere. Formats: PROTOCOL.sshsig of OpenSSH; RFC 8709
for the key and the signature within; ssh-keygen(1), ALLOWED SIGNERS.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import textwrap
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NAMESPACE: Final = "git"
"""What git signs under; a signature for another purpose is none for a commit."""
SERVER: Final = "vigo-server"
"""The principal that a server signs as."""

_MAGIC: Final = b"SSHSIG"
_VERSION: Final = 1
_KIND: Final = b"ssh-ed25519"
_HASH: Final = "sha512"
_SEED_BYTES: Final = 32
_COLUMNS: Final = 70


class SigningKey:
    """A private key that signs commits."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key: Final = key
        self._blob: Final = _string(_KIND) + _string(key.public_key().public_bytes_raw())

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """The key of these 32 bytes.

        Raises:
            ValueError: not 32.
        """
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def public(self) -> str:
        """The public half as OpenSSH writes it: `ssh-ed25519 AAAA…`."""
        return f"{_KIND.decode()} {base64.b64encode(self._blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """`SHA256:…`, as `ssh-keygen -l` shows it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self._blob).digest()).decode().rstrip("=")

    def allowed_signers(self, principal: str = SERVER) -> str:
        """The line by which `git verify-commit` knows this key."""
        return f'{principal} namespaces="{NAMESPACE}" {self.public}'

    def sign(self, payload: bytes, *, namespace: str = NAMESPACE) -> str:
        """The armored signature of some bytes, without a newline at its end."""
        inner = _string(_KIND) + _string(self._key.sign(signed_bytes(payload, namespace, _HASH)))
        blob = (
            _MAGIC
            + struct.pack(">I", _VERSION)
            + _string(self._blob)
            + _string(namespace.encode())
            + _string(b"")
            + _string(_HASH.encode())
            + _string(inner)
        )
        lines = textwrap.wrap(base64.b64encode(blob).decode(), _COLUMNS)
        return "\n".join(("-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----"))


def signed_bytes(payload: bytes, namespace: str, hash_name: str) -> bytes:
    """What the key really signs: the namespace and the digest of the payload.

    Args:
        hash_name: `sha256` or `sha512`.
    """
    digest = hashlib.new(hash_name, payload).digest()
    return _MAGIC + _string(namespace.encode()) + _string(b"") + _string(hash_name.encode()) + _string(digest)


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data

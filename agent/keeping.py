"""Contents that are kept to be put back: sealed, for a file that was replaced may have held a secret.

AES-256-GCM under a key of this state directory's own, bound to the name it is kept under; the name is an HMAC of the
content, so that it does not tell one of little entropy. Who takes the key as well reads all: what is prevented is that
a secret stands in a copy of a file, in a backup that leaves keys out, or in the free blocks of a disk.
"""

from __future__ import annotations

import hmac
import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent import durable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY: Final = "key"
KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_OVERHEAD_BYTES: Final = 64


class Keeping:
    """What is kept in one directory, or in one below it. The key is made when something is kept for the first time.

    Args:
        directory: holds the key.
        limit: bytes of one content.
    """

    def __init__(self, directory: Path, *, limit: int) -> None:
        self._directory: Final = directory
        self._limit: Final = limit

    def name(self, content: bytes) -> str:
        """What a content is kept under: 64 hexadecimal digits.

        Raises:
            OSError: there is no key, and none can be written.
        """
        return hmac.digest(self._key, content, "sha256").hex()

    def keep(self, content: bytes, folder: Path, *, synced: bool = True) -> str:
        """Keep it in this folder; the name it is kept under.

        Raises:
            OSError: no space.
        """
        name = self.name(content)
        path = folder / name
        if not path.exists():
            nonce = os.urandom(_NONCE_BYTES)
            durable.write(path, nonce + self._cipher.encrypt(nonce, content, name.encode()), synced=synced)
        return name

    def load(self, name: str, folder: Path) -> bytes | None:
        """What was kept; None when it is not there, or is not what was kept."""
        from cryptography.exceptions import InvalidTag

        if len(name) != 64 or not name.isalnum():
            return None
        data = durable.read(folder / name, self._limit + _OVERHEAD_BYTES)
        if data is None or len(data) < _NONCE_BYTES:
            return None
        try:
            return self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], name.encode())
        except InvalidTag:
            return None

    @cached_property
    def _cipher(self) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self._key)

    @cached_property
    def _key(self) -> bytes:
        path = self._directory / KEY
        key = durable.read(path, KEY_BYTES)
        if key is None or len(key) != KEY_BYTES:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            key = secrets.token_bytes(KEY_BYTES)
            durable.write(path, key)
        return key

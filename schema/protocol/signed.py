"""What a signed text looks like; who only hands it on needs no cryptography for that. See `schema.protocol.signing`."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from schema.ids import Sha256, sha256

MAX_SIGNED_BYTES: Final = 4 * 1024 * 1024


class Signed(BaseModel):
    """Text that somebody signed. `body` is the signed text itself, to be parsed only after `signing.verify`."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    body: str = Field(max_length=MAX_SIGNED_BYTES)
    """The text that was signed, byte for byte."""
    key_id: Sha256
    """SHA-256 of the raw public key."""
    signature: str = Field(max_length=128)
    """Ed25519, in base64."""

    @property
    def sha256(self) -> str:
        """The digest by which others refer to this text."""
        return sha256(self.body.encode())

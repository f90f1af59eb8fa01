"""API tokens: `vgot_<id>_<secret>_<check>`, each owned by a user. Only a digest of the secret is kept.

The check is a CRC-32 of what stands before it, so that a scanner, or the server, tells a typing error from a wrong
token without asking anybody.
"""

from __future__ import annotations

import binascii
import hashlib
import re
import secrets
from typing import Annotated, Final, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from schema.time import DAY, Instant, parse_duration

PREFIX: Final = "vgot"
DEFAULT_LIFE: Final = 90 * DAY
MAX_LIFE: Final = 365 * DAY
MAX_PER_USER: Final = 100

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TOKEN: Final = re.compile(r"vgot_([A-Za-z0-9]{12})_([A-Za-z0-9]{43})_([A-Za-z0-9]{6})")


class TokenText(NamedTuple):
    """The text of a token, taken apart."""

    id: str
    secret: str

    @classmethod
    def make(cls) -> Self:
        """A fresh token: 43 base62 digits are 256 bits."""
        return cls(_random(12), _random(43))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a token.

        Raises:
            ValueError: not of this form, or the check is wrong; the message does not repeat it.
        """
        found = _TOKEN.fullmatch(text)
        if found is None:
            raise ValueError("not an API token (vgot_…)")
        token = cls(found[1], found[2])
        if _check(token) != found[3]:
            raise ValueError("an API token with a typing error in it")
        return token

    @property
    def secret_sha256(self) -> str:
        """What is kept of the secret. It has 256 random bits, so one fast hash is enough."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{PREFIX}_{self.id}_{self.secret}_{_check(self)}"

    def __repr__(self) -> str:
        return f"TokenText(id={self.id!r})"


def _read_duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


Duration = Annotated[int, BeforeValidator(_read_duration, json_schema_input_type=str)]
"""Microseconds in Python, `720h` in JSON."""


class Token(BaseModel):
    """A token, as listed: never its text."""

    id: str
    """By which it is revoked."""
    name: str
    """What its owner calls it."""
    user: str
    """Name of the owner: it may do what that account may."""
    created_at: Instant
    """When it was made."""
    expires_at: Instant
    """From when on it is refused."""
    revoked: bool = False
    """Whether it was revoked."""


class TokenCreate(BaseModel):
    """A new token."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")
    """What to call it, for those who will read the list."""
    expires_in: Duration = Field(
        default=DEFAULT_LIFE, gt=0, le=MAX_LIFE, json_schema_extra={"default": f"{DEFAULT_LIFE // DAY}d"}
    )
    """`720h` or `30d`, a year at most."""
    user: str | None = Field(default=None, max_length=64)
    """The owner; only the local administrator, who owns nothing, may name another than the caller."""


class TokenCreated(BaseModel):
    """A new token with its text, which is shown here and never again."""

    id: str
    """By which it is revoked."""
    name: str
    """As it was asked."""
    token: str
    """`vgot_…`: send it as `Authorization: Bearer`."""
    expires_at: Instant
    """From when on it is refused."""


class TokenList(BaseModel):
    """The caller's tokens, newest first."""

    tokens: list[Token]
    """Those that are over too."""


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _check(token: TokenText) -> str:
    value = binascii.crc32(f"{PREFIX}_{token.id}_{token.secret}".encode())
    digits = []
    for _ in range(6):
        value, digit = divmod(value, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))

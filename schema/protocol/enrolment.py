"""Enrolment: a one-time token becomes a certificate.

The token fixes the hostname; the agent's CSR proves possession of its three keys and asks for nothing: the server
chooses the subject. `POST /api/v1/bootstrap/register` takes `Enrol` and answers `Enrolled`.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from typing import Final, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field

from schema.ids import EnvoyId, Hostname
from schema.time import Instant

MAX_CSR_BYTES: Final = 16 * 1024
ED25519_ATTRIBUTE: Final = "2.25.158640371295226740236.1"
"""OID of the CSR attribute with the raw Ed25519 receipt key (32 bytes, base64 in a UTF8String)."""
X25519_ATTRIBUTE: Final = "2.25.158640371295226740236.2"
"""OID of the CSR attribute with the raw X25519 key that secrets are sealed to (32 bytes, base64 in a UTF8String)."""
ENVOY_URI: Final = "vigo://{project}/envoys/{envoy_id}"
"""The certificate's SAN URI: the only place where an agent's identity is read from."""

_TOKEN: Final = re.compile(r"vget_([A-Za-z0-9]{12})_([A-Za-z0-9]{43})_([0-9a-f]{64})")
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class EnrolmentToken(NamedTuple):
    """What an operator hands to a host: `vget_<id>_<secret>_<SHA-256 of the server's CA certificate, DER>`."""

    id: str
    secret: str
    ca_sha256: str

    @classmethod
    def make(cls, ca_sha256: str) -> Self:
        """A fresh token that makes its holder trust that CA."""
        return cls(_random(12), _random(43), ca_sha256)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a token.

        Raises:
            ValueError: not a token of this form; the message does not repeat it.
        """
        found = _TOKEN.fullmatch(text.strip())
        if found is None:
            raise ValueError("not an enrolment token (vget_…); make one with `vigo envoys token HOSTNAME`")
        return cls(*found.groups())

    def __str__(self) -> str:
        return f"vget_{self.id}_{self.secret}_{self.ca_sha256}"

    def __repr__(self) -> str:
        return f"EnrolmentToken(id={self.id!r})"


class Enrol(BaseModel):
    """The agent's side."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    token: str = Field(max_length=256)
    """`vget_…`, as an operator made it for this host."""
    csr: str = Field(max_length=MAX_CSR_BYTES)
    """PEM, P-256, with both key attributes, and no extension requests."""


class Enrolled(BaseModel):
    """The server's side: all an agent needs to open its channel."""

    envoy_id: EnvoyId
    """By which the server knows the host from now on."""
    project: str
    """Id of the project that it belongs to."""
    hostname: Hostname
    """What the host is called: the token decides."""
    certificate: str
    """PEM: the agent's certificate, then any intermediates."""
    ca: str
    """PEM: what the agent pins for the server from now on."""
    signing_key: str
    """Hex of the raw Ed25519 public key that signs catalogs and assignments."""
    gateway_url: str
    """Where the agent's channel is: `wss://host:1530/agent/v1`."""
    expires: Instant
    """Of the certificate; the agent renews it before."""


def encode_key(raw: bytes) -> bytes:
    """A raw 32-byte public key as the value of a CSR attribute."""
    return base64.b64encode(raw)


def decode_key(value: bytes) -> bytes:
    """The raw 32 bytes of a CSR attribute.

    Raises:
        ValueError: not 32 bytes of base64.
    """
    try:
        raw = base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError("a key attribute is base64 of 32 bytes") from error
    if len(raw) != 32:
        raise ValueError(f"a key attribute is base64 of 32 bytes, not {len(raw)}")
    return raw


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))

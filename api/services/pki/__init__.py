"""PKI: the server's own authority, what it issues and what it signs with.

One self-made CA (P-256) lives in the data directory from the first start. It issues two kinds of certificate that never
pass for each other: agents' (clientAuth, 30 days, identity in a SAN URI) and the server's own (serverAuth, the names of
the settings). Beside it lies the Ed25519 key that signs catalogs, assignments and artifacts. Who may have a
certificate, and which are revoked, is not known here: `services/enrolment.py` and `services/envoys.py` know.
"""

from __future__ import annotations

from api.services.pki.authority import (
    AGENT_LIFE,
    SERVER_LIFE,
    Issued,
    Pki,
    PkiBroken,
    ServerCertificate,
    read_identity,
    read_signing_key,
)
from api.services.pki.requests import AgentRequest, BadRequest, read_request

__all__ = [
    "AGENT_LIFE",
    "SERVER_LIFE",
    "AgentRequest",
    "BadRequest",
    "Issued",
    "Pki",
    "PkiBroken",
    "ServerCertificate",
    "read_identity",
    "read_request",
    "read_signing_key",
]

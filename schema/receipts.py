"""Receipts as the API tells of them: what hosts vouched for, and whether each continues the one before."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pydantic import BaseModel

from schema.ids import EnvoyId, Hostname, Sha256
from schema.protocol.signed import Signed
from schema.time import Instant

MAX_PAGE: Final = 200


class ReceiptStanding(StrEnum):
    """How a receipt stands to the one that came before it."""

    LINKED = "linked"  # it continues the chain
    GAP = "gap"  # it does not follow the last one that came: some were lost on the way
    FORKED = "forked"  # it contradicts one that came: the host was set back to an older state, or was copied


class KeptReceipt(BaseModel):
    """One receipt."""

    number: int
    sha256: Sha256
    """Of the signed body: what the next one names."""
    standing: ReceiptStanding
    received_at: Instant
    receipt: Signed
    """As the host signed it; the body is canonical JSON."""


class Receipts(BaseModel):
    """The receipts of one envoy, newest first."""

    envoy_id: EnvoyId
    hostname: Hostname
    key: str
    """Hex of the host's Ed25519 key: with it each receipt can be checked."""
    receipts: list[KeptReceipt]
    next_before: int | None = None
    """Give it as `before` for older ones; none at the end."""

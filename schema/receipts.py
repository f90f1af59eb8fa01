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

    LINKED = "linked"
    """It continues the chain."""
    GAP = "gap"
    """It does not follow the last one that came: some were lost on the way."""
    FORKED = "forked"
    """It contradicts one that came: the host was set back to an older state, or was copied."""


class KeptReceipt(BaseModel):
    """One receipt."""

    number: int
    """Counted up as they come in; what `before` of the next page is compared with."""
    sha256: Sha256
    """Of the signed body: what the next one names."""
    standing: ReceiptStanding
    """How it stands to the one that came before it."""
    received_at: Instant
    """When it came in."""
    receipt: Signed
    """As the host signed it; the body is canonical JSON."""


class Receipts(BaseModel):
    """The receipts of one envoy, newest first."""

    envoy_id: EnvoyId
    """Id of the host at this server; one that enrols anew gets another."""
    hostname: Hostname
    """The host's name, as its enrolment token gave it."""
    key: str
    """Hex of the host's Ed25519 key: with it each receipt can be checked."""
    receipts: list[KeptReceipt]
    """The receipts of this page."""
    next_before: int | None = None
    """Give it as `before` for older ones; none at the end."""

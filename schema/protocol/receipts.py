"""Receipts: what a host says under its own signature of what it applied, each naming the one before it.

A receipt travels with the report it is about. Its body is canonical JSON, signed with the host's Ed25519 key for
`vigo-receipt-v1`: whoever has the key can check it without trusting the server that kept it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from schema import canonical
from schema.ids import Commit, EnvoyId, Sha256, sha256
from schema.protocol.desired import SignedShape
from schema.time import Instant

if TYPE_CHECKING:
    from schema.protocol.reports import Report

FIRST: Final = "0" * 64
"""Stands for the receipt before the first."""
MAX_RECEIPT_BYTES: Final = 8 * 1024


class Receipt(SignedShape):
    """One run, as the host vouches for it."""

    format: Literal[1] = 1
    project: str
    envoy_id: EnvoyId
    number: int = Field(ge=1, lt=2**53)
    previous: Sha256
    """Of the body of the receipt with the number before; `FIRST` for number 1."""
    report_id: str = Field(max_length=64)
    commit: Commit
    epoch: int
    generation: int
    assignment_sha256: Sha256
    catalog_sha256: Sha256
    status: str = Field(max_length=16)
    finished: Instant
    outcomes_sha256: Sha256
    """See `outcomes_digest`."""


def outcomes_digest(report: Report) -> str:
    """SHA-256 of the canonical JSON of `[id, type, outcome, changed, corrective]` of each resource, in order."""
    rows: list[list[str | bool]] = [
        [each.id, each.type, each.outcome, each.changed, each.corrective] for each in report.resources
    ]
    return sha256(canonical.dumps_plain(rows))

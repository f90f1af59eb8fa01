"""Receipts: table and repository. The signed body stands as it came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, Session, col, select

from api.storage import bulk
from api.storage.rows import ProjectRow, big, micros, text
from schema.protocol.signed import Signed
from schema.receipts import KeptReceipt, ReceiptStanding

KEEP: Final = 200
"""Receipts of one envoy that are kept; about 1 KB each."""


class ReceiptRow(ProjectRow, table=True):
    """One receipt."""

    __tablename__ = "receipts"
    __table_args__ = (UniqueConstraint("envoy_id", "sha256"),)

    envoy_id: str = Field(foreign_key="envoys.id", primary_key=True, max_length=36)
    place: int = big(primary_key=True)
    """In the order they came."""
    number: int = big(nullable=False)
    sha256: str = Field(max_length=64)
    standing: str = Field(max_length=16)
    received_at: int = micros()
    body: str = text(nullable=False)
    key_id: str = Field(max_length=64)
    signature: str = Field(max_length=128)


class Head(NamedTuple):
    """The receipt that the next one should name."""

    place: int
    number: int
    sha256: str


_HEADS: Final = (
    "SELECT r.envoy_id, r.place, r.number, r.sha256 FROM asked CROSS JOIN receipts r "
    "WHERE r.envoy_id = asked.a AND r.place = (SELECT MAX(place) FROM receipts WHERE envoy_id = asked.a)"
)
_KNOWN: Final = (
    "SELECT r.envoy_id, r.sha256 FROM asked CROSS JOIN receipts r WHERE r.envoy_id = asked.a AND r.sha256 = asked.b"
)
_COLUMNS: Final = (
    "project_id", "envoy_id", "place", "number", "sha256", "standing", "received_at", "body", "key_id", "signature",
)  # fmt: skip
_FORGET: Final = "DELETE FROM receipts WHERE (envoy_id, place) IN (SELECT a, b FROM asked)"


class Fresh(NamedTuple):
    """A receipt that is to be kept."""

    envoy_id: str
    place: int
    number: int
    sha256: str
    standing: ReceiptStanding
    received_at: int
    signed: Signed


def heads(session: Session, envoy_ids: Sequence[str]) -> dict[str, Head]:
    """Of each of these envoys that has any, the one that came last."""
    found = bulk.among(session, _HEADS, [(envoy_id,) for envoy_id in envoy_ids])
    return {row[0]: Head(row[1], row[2], row[3]) for row in found}


def known(session: Session, digests: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Of these (envoy, digest), those that are kept."""
    return set(bulk.among(session, _KNOWN, digests))


def add(session: Session, project_id: str, receipts: Sequence[Fresh]) -> None:
    """Keep receipts, and drop each envoy's oldest beyond `KEEP`."""
    rows = [
        (
            project_id, one.envoy_id, one.place, one.number, one.sha256, one.standing.value, one.received_at,
            one.signed.body, one.signed.key_id, one.signed.signature,
        )
        for one in receipts
    ]  # fmt: skip
    bulk.insert(session, ReceiptRow.__table__, _COLUMNS, rows)  # type: ignore[attr-defined]
    bulk.among(session, _FORGET, [(one.envoy_id, one.place - KEEP) for one in receipts if one.place > KEEP])


def page(
    session: Session, project_id: str, envoy_id: str, *, before: int | None, limit: int
) -> list[tuple[int, KeptReceipt]]:
    """(Place, receipt), the last that came first, from before a place on."""
    query = (
        select(ReceiptRow)
        .where(ReceiptRow.project_id == project_id, ReceiptRow.envoy_id == envoy_id)
        .order_by(col(ReceiptRow.place).desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(col(ReceiptRow.place) < before)
    return [(row.place, _model(row)) for row in session.exec(query)]


def _model(row: ReceiptRow) -> KeptReceipt:
    return KeptReceipt(
        number=row.number,
        sha256=row.sha256,
        standing=ReceiptStanding(row.standing),
        received_at=row.received_at,
        receipt=Signed(body=row.body, key_id=row.key_id, signature=row.signature),
    )

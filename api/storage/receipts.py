"""Receipts: table and repository. The signed body stands as it came."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, Session, col, select

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


def head(session: Session, envoy_id: str) -> Head | None:
    """The one that came last."""
    query = (
        select(ReceiptRow.place, ReceiptRow.number, ReceiptRow.sha256)
        .where(ReceiptRow.envoy_id == envoy_id)
        .order_by(col(ReceiptRow.place).desc())
        .limit(1)
    )
    found = session.exec(query).first()
    return None if found is None else Head(*found)


def is_known(session: Session, envoy_id: str, digest: str) -> bool:
    """Whether this very receipt is kept."""
    query = select(ReceiptRow.place).where(ReceiptRow.envoy_id == envoy_id, ReceiptRow.sha256 == digest)
    return session.exec(query).first() is not None


def add(
    session: Session,
    project_id: str,
    envoy_id: str,
    signed: Signed,
    *,
    place: int,
    number: int,
    standing: ReceiptStanding,
    received_at: int,
) -> None:
    """Keep a receipt, and drop the envoy's oldest beyond `KEEP`."""
    session.add(
        ReceiptRow(
            project_id=project_id,
            envoy_id=envoy_id,
            place=place,
            number=number,
            sha256=signed.sha256,
            standing=standing.value,
            received_at=received_at,
            body=signed.body,
            key_id=signed.key_id,
            signature=signed.signature,
        )
    )
    session.flush()
    session.connection().execute(
        sql("DELETE FROM receipts WHERE envoy_id = :envoy AND place <= :last"),
        {"envoy": envoy_id, "last": place - KEEP},
    )


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

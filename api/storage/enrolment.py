"""Enrolment: one-time tokens and certificates, tables and repository."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Field, Session, col, delete, func, select, update

from api.storage.envoys import EnvoyRow
from api.storage.rows import MAX_PAGE, ProjectRow, micros, text


class EnrolmentTokenRow(ProjectRow, table=True):
    """One enrolment token; of its secret only a digest is kept."""

    __tablename__ = "enrolment_tokens"

    id: str = Field(primary_key=True, max_length=12)
    secret_sha256: str = Field(max_length=64)
    hostname: str = Field(max_length=253)
    replace: bool = Field(default=False)
    created_by: str = text(nullable=False)
    created_at: int = micros()
    expires_at: int = micros()
    used_at: int | None = micros(nullable=True, default=None)


class CertificateRow(ProjectRow, table=True):
    """One agent's certificate, by the SHA-256 of its DER form."""

    __tablename__ = "certificates"

    sha256: str = Field(primary_key=True, max_length=64)
    envoy_id: str = Field(foreign_key="envoys.id", max_length=36, index=True)
    serial: str = Field(max_length=40)
    not_before: int = micros()
    not_after: int = micros()
    issued_at: int = micros()
    revoked_at: int | None = micros(nullable=True, default=None)


class Token(NamedTuple):
    """One enrolment token as stored."""

    project_id: str
    id: str
    secret_sha256: str
    hostname: str
    replace: bool
    expires_at: int
    used_at: int | None


class Credential(NamedTuple):
    """A certificate that counts, with whose it is."""

    sha256: str
    project_id: str
    envoy_id: str
    hostname: str
    not_after: int
    ed25519: str
    """Hex of the key that its receipts are signed with."""


class Fingerprint(NamedTuple):
    """Differs from an earlier one when a certificate was issued or revoked in between."""

    issued: int
    revoked: int
    last_issued_at: int
    last_revoked_at: int


def add_token(session: Session, token: Token, *, created_by: str, now: int) -> None:
    """Store a new token."""
    session.add(
        EnrolmentTokenRow(
            project_id=token.project_id,
            id=token.id,
            secret_sha256=token.secret_sha256,
            hostname=token.hostname,
            replace=token.replace,
            created_by=created_by,
            created_at=now,
            expires_at=token.expires_at,
        )
    )
    session.flush()


def find_token(session: Session, token_id: str) -> Token | None:
    """The token of this id. Of all projects: the token says which."""
    row = session.get(EnrolmentTokenRow, token_id)
    if row is None:
        return None
    return Token(row.project_id, row.id, row.secret_sha256, row.hostname, row.replace, row.expires_at, row.used_at)


def use_token(session: Session, token_id: str, *, now: int) -> bool:
    """Mark a token as used; False when somebody else has, or it has expired."""
    done = session.exec(
        update(EnrolmentTokenRow)
        .where(
            col(EnrolmentTokenRow.id) == token_id,
            col(EnrolmentTokenRow.used_at).is_(None),
            col(EnrolmentTokenRow.expires_at) > now,
        )
        .values(used_at=now)
    )
    return bool(done.rowcount == 1)


def forget_old_tokens(session: Session, project_id: str, *, before: int) -> None:
    """Drop tokens that ended before this time, used or not."""
    session.exec(
        delete(EnrolmentTokenRow).where(
            col(EnrolmentTokenRow.project_id) == project_id, col(EnrolmentTokenRow.expires_at) < before
        )
    )


def count_open_tokens(session: Session, project_id: str, *, now: int) -> int:
    """How many tokens could still be used."""
    return session.exec(
        select(func.count())
        .select_from(EnrolmentTokenRow)
        .where(
            EnrolmentTokenRow.project_id == project_id,
            col(EnrolmentTokenRow.used_at).is_(None),
            EnrolmentTokenRow.expires_at > now,
        )
    ).one()


def add_certificate(
    session: Session,
    project_id: str,
    *,
    sha256: str,
    envoy_id: str,
    serial: str,
    not_before: int,
    not_after: int,
    now: int,
) -> None:
    """Store a certificate that was issued."""
    session.add(
        CertificateRow(
            project_id=project_id,
            sha256=sha256,
            envoy_id=envoy_id,
            serial=serial,
            not_before=not_before,
            not_after=not_after,
            issued_at=now,
        )
    )
    session.flush()


def last_issued(session: Session, project_id: str, envoy_id: str) -> int:
    """When an envoy was last given a certificate; 0 where it never was."""
    return session.exec(
        select(func.coalesce(func.max(CertificateRow.issued_at), 0)).where(
            CertificateRow.project_id == project_id, CertificateRow.envoy_id == envoy_id
        )
    ).one()


def revoke_certificates(session: Session, project_id: str, envoy_id: str, *, now: int, but: str = "") -> int:
    """Revoke all certificates of an envoy, but for the one of this digest; how many counted until now."""
    done = session.exec(
        update(CertificateRow)
        .where(
            col(CertificateRow.project_id) == project_id,
            col(CertificateRow.envoy_id) == envoy_id,
            col(CertificateRow.sha256) != but,
            col(CertificateRow.revoked_at).is_(None),
        )
        .values(revoked_at=now)
    )
    return int(done.rowcount)


def revoke_older(session: Session, project_id: str, envoy_id: str, *, than: str, now: int) -> int:
    """Revoke the certificates of an envoy that were issued before the one of this digest; how many counted."""
    issued = select(CertificateRow.issued_at).where(CertificateRow.sha256 == than).scalar_subquery()
    done = session.exec(
        update(CertificateRow)
        .where(
            col(CertificateRow.project_id) == project_id,
            col(CertificateRow.envoy_id) == envoy_id,
            col(CertificateRow.sha256) != than,
            col(CertificateRow.issued_at) < issued,
            col(CertificateRow.revoked_at).is_(None),
        )
        .values(revoked_at=now)
    )
    return int(done.rowcount)


def fingerprint(session: Session) -> Fingerprint:
    """What tells whether the table of live certificates is out of date, at little cost."""
    found = session.exec(
        select(
            func.count(),
            func.count(col(CertificateRow.revoked_at)),
            func.coalesce(func.max(CertificateRow.issued_at), 0),
            func.coalesce(func.max(CertificateRow.revoked_at), 0),
        ).select_from(CertificateRow)
    ).one()
    return Fingerprint(found[0], found[1], found[2] or 0, found[3] or 0)


def live(session: Session, *, now: int) -> Iterator[Credential]:
    """All certificates that count now, of all projects."""
    kept, envoys = CertificateRow.__table__, EnvoyRow.__table__  # type: ignore[attr-defined]
    after = ""
    while True:
        query = (
            sa.select(
                kept.c.sha256,
                kept.c.project_id,
                kept.c.envoy_id,
                envoys.c.hostname,
                kept.c.not_after,
                envoys.c.ed25519,
            )
            .join(envoys, envoys.c.id == kept.c.envoy_id)
            .where(
                kept.c.revoked_at.is_(None),
                envoys.c.revoked_at.is_(None),
                kept.c.not_after > now,
                kept.c.sha256 > after,
            )
            .order_by(kept.c.sha256)
            .limit(MAX_PAGE)
        )
        found = session.connection().execute(query).all()
        if not found:
            return
        yield from (Credential(*row) for row in found)
        after = found[-1][0]

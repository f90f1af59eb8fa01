"""Secrets: table and repository. Ciphertexts only; keys and clear values never come here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlmodel import Field, Session, col, delete, select

from api.storage.rows import MAX_PAGE, ProjectRow, big, blob, micros, text


class SecretRow(ProjectRow, table=True):
    """One secret, encrypted."""

    __tablename__ = "secrets"

    project_id: str = Field(foreign_key="projects.id", primary_key=True, max_length=36)
    name: str = Field(primary_key=True, max_length=256)
    version: int = big(nullable=False)
    key_id: str = Field(max_length=64)
    nonce: bytes = blob(nullable=False)
    ciphertext: bytes = blob(nullable=False)
    updated_at: int = micros()
    updated_by: str = text(nullable=False)


class Sealed(NamedTuple):
    """One secret as stored."""

    name: str
    version: int
    key_id: str
    nonce: bytes
    ciphertext: bytes
    updated_at: int


class SecretVersionRow(ProjectRow, table=True):
    """The highest version a name ever had: a secret that is deleted and set again does not get an old one."""

    __tablename__ = "secret_versions"

    project_id: str = Field(foreign_key="projects.id", primary_key=True, max_length=36)
    name: str = Field(primary_key=True, max_length=256)
    version: int = big(nullable=False)


def next_version(session: Session, project_id: str, name: str) -> int:
    """The version that the next value of this name gets; taken by asking."""
    row = session.get(SecretVersionRow, (project_id, name))
    if row is None:
        row = SecretVersionRow(project_id=project_id, name=name, version=0)
        session.add(row)
    row.version += 1
    session.flush()
    return row.version


def put(session: Session, project_id: str, secret: Sealed, *, updated_by: str) -> None:
    """Store a secret in place of what its name held before."""
    delete_(session, project_id, secret.name)
    session.add(
        SecretRow(
            project_id=project_id,
            name=secret.name,
            version=secret.version,
            key_id=secret.key_id,
            nonce=secret.nonce,
            ciphertext=secret.ciphertext,
            updated_at=secret.updated_at,
            updated_by=updated_by,
        )
    )
    session.flush()


def delete_(session: Session, project_id: str, name: str) -> bool:
    """Forget a secret; False when there was none."""
    done = session.exec(delete(SecretRow).where(col(SecretRow.project_id) == project_id, col(SecretRow.name) == name))
    return bool(done.rowcount)


def find(session: Session, project_id: str, names: Sequence[str]) -> dict[str, Sealed]:
    """Those of these secrets that there are."""
    query = select(SecretRow).where(SecretRow.project_id == project_id, col(SecretRow.name).in_(names[:MAX_PAGE]))
    return {row.name: _sealed(row) for row in session.exec(query)}


def page(session: Session, project_id: str, *, after: str = "", limit: int = MAX_PAGE) -> list[Sealed]:
    """Secrets by name, from behind `after` on."""
    query = (
        select(SecretRow)
        .where(SecretRow.project_id == project_id, col(SecretRow.name) > after)
        .order_by(SecretRow.name)
        .limit(min(limit, MAX_PAGE))
    )
    return [_sealed(row) for row in session.exec(query)]


def versions(session: Session, project_id: str) -> dict[str, int]:
    """Name → version of all secrets."""
    query = select(SecretRow.name, SecretRow.version).where(SecretRow.project_id == project_id)
    return dict(session.exec(query).all())


def _sealed(row: SecretRow) -> Sealed:
    return Sealed(row.name, row.version, row.key_id, row.nonce, row.ciphertext, row.updated_at)

"""Tokens: table and repository. The digest of a secret leaves here only for the check of a token."""

from __future__ import annotations

from typing import NamedTuple

from sqlmodel import Field, Session, col, delete, func, select, update

from api.storage.rows import MAX_PAGE, ProjectRow, micros
from api.storage.users import UserRow
from schema.access import Role
from schema.tokens import Token


class TokenRow(ProjectRow, table=True):
    """One API token."""

    __tablename__ = "tokens"

    id: str = Field(primary_key=True, max_length=12)
    user_id: str = Field(foreign_key="users.id", max_length=36, index=True)
    name: str = Field(max_length=100)
    secret_sha256: str = Field(max_length=64)
    created_at: int = micros()
    expires_at: int = micros()
    revoked_at: int | None = micros(nullable=True, default=None)


class Holder(NamedTuple):
    """What a check of a token needs: its own state, and its owner's as it is now."""

    project_id: str
    user_id: str
    username: str
    role: Role
    disabled: bool
    secret_sha256: str
    expires_at: int
    revoked: bool


def add(session: Session, project_id: str, token: Token, *, user_id: str, secret_sha256: str) -> None:
    """Store a new token."""
    session.add(
        TokenRow(
            project_id=project_id,
            id=token.id,
            user_id=user_id,
            name=token.name,
            secret_sha256=secret_sha256,
            created_at=token.created_at,
            expires_at=token.expires_at,
        )
    )
    session.flush()


def holder(session: Session, token_id: str) -> Holder | None:
    """Whose token this is. Of all projects: the token says which."""
    found = session.exec(
        select(TokenRow, UserRow).join(UserRow, col(UserRow.id) == TokenRow.user_id).where(TokenRow.id == token_id)
    ).first()
    if found is None:
        return None
    token, user = found
    return Holder(
        project_id=token.project_id,
        user_id=user.id,
        username=user.username,
        role=Role(user.role),
        disabled=user.disabled,
        secret_sha256=token.secret_sha256,
        expires_at=token.expires_at,
        revoked=token.revoked_at is not None,
    )


def find(session: Session, project_id: str, token_id: str) -> tuple[Token, str] | None:
    """The token of this id, with its owner's id."""
    found = session.exec(
        select(TokenRow, UserRow.username)
        .join(UserRow, col(UserRow.id) == TokenRow.user_id)
        .where(TokenRow.project_id == project_id, TokenRow.id == token_id)
    ).first()
    return None if found is None else (_model(*found), found[0].user_id)


def page(session: Session, project_id: str, user_id: str | None, limit: int = MAX_PAGE) -> list[Token]:
    """Tokens of one user, or of all, newest first."""
    query = (
        select(TokenRow, UserRow.username)
        .join(UserRow, col(UserRow.id) == TokenRow.user_id)
        .where(TokenRow.project_id == project_id)
        .order_by(col(TokenRow.created_at).desc(), TokenRow.id)
        .limit(min(limit, MAX_PAGE))
    )
    if user_id is not None:
        query = query.where(TokenRow.user_id == user_id)
    return [_model(*found) for found in session.exec(query)]


def count_live(session: Session, project_id: str, user_id: str, *, now: int) -> int:
    """How many tokens of a user would be accepted now."""
    return session.exec(
        select(func.count())
        .select_from(TokenRow)
        .where(
            TokenRow.project_id == project_id,
            TokenRow.user_id == user_id,
            col(TokenRow.revoked_at).is_(None),
            TokenRow.expires_at > now,
        )
    ).one()


def revoke(session: Session, project_id: str, token_id: str, *, now: int) -> None:
    """Revoke a token; one that is revoked stays as it is."""
    session.exec(
        update(TokenRow)
        .where(col(TokenRow.project_id) == project_id, col(TokenRow.id) == token_id, col(TokenRow.revoked_at).is_(None))
        .values(revoked_at=now)
    )


def revoke_all(session: Session, project_id: str, user_id: str, *, now: int) -> int:
    """Revoke all tokens of a user; how many were live."""
    done = session.exec(
        update(TokenRow)
        .where(
            col(TokenRow.project_id) == project_id, col(TokenRow.user_id) == user_id, col(TokenRow.revoked_at).is_(None)
        )
        .values(revoked_at=now)
    )
    return int(done.rowcount)


def remove_all(session: Session, project_id: str, user_id: str) -> int:
    """Delete all tokens of a user; how many there were."""
    done = session.exec(
        delete(TokenRow).where(col(TokenRow.project_id) == project_id, col(TokenRow.user_id) == user_id)
    )
    return int(done.rowcount)


def _model(row: TokenRow, username: str) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        user=username,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked=row.revoked_at is not None,
    )

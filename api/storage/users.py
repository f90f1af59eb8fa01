"""Users: table and repository. A password's hash leaves here only for the check of a password."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, UniqueConstraint, func
from sqlmodel import Field, Session, select

from api.storage.rows import MAX_PAGE, ProjectRow, micros, text
from schema.access import Role
from schema.users import User


class UserRow(ProjectRow, table=True):
    """One account."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("project_id", "username"),
        CheckConstraint("role IN ('viewer', 'auditor', 'developer', 'operator', 'admin')", name="role"),
    )

    id: str = Field(primary_key=True, max_length=36)
    username: str = Field(max_length=64)
    password_hash: str = text(nullable=False)
    role: str = Field(max_length=16)
    display_name: str = Field(default="", max_length=200)
    email: str = Field(default="", max_length=320)
    ssh_public_key: str = text(default="", nullable=False)
    disabled: bool = Field(default=False)
    created_at: int = micros()
    updated_at: int = micros()


def add(session: Session, project_id: str, user: User, password_hash: str) -> User:
    """Store a new account."""
    session.add(
        UserRow(
            project_id=project_id,
            id=user.id,
            username=user.username,
            password_hash=password_hash,
            role=user.role.value,
            display_name=user.display_name,
            email=user.email,
            ssh_public_key=user.ssh_public_key,
            disabled=user.disabled,
            created_at=user.created_at,
            updated_at=user.created_at,
        )
    )
    session.flush()
    return user


def find(session: Session, project_id: str, user_id: str) -> User | None:
    """The account of this id."""
    row = _row(session, project_id, user_id)
    return None if row is None else _model(row)


def find_by_name(session: Session, project_id: str, username: str) -> tuple[User, str] | None:
    """The account of this canonical name, with its password's hash."""
    query = select(UserRow).where(UserRow.project_id == project_id, UserRow.username == username)
    row = session.exec(query).first()
    return None if row is None else (_model(row), row.password_hash)


def page(session: Session, project_id: str, limit: int = MAX_PAGE) -> list[User]:
    """Accounts, by name."""
    query = select(UserRow).where(UserRow.project_id == project_id).order_by(UserRow.username)
    return [_model(row) for row in session.exec(query.limit(min(limit, MAX_PAGE)))]


def count(session: Session, project_id: str, *, role: Role | None = None) -> int:
    """How many accounts; with `role`, how many of them are in it and not disabled."""
    query = select(func.count()).select_from(UserRow).where(UserRow.project_id == project_id)
    if role is not None:
        query = query.where(UserRow.role == role.value, UserRow.disabled == False)  # noqa: E712 - SQL
    return session.exec(query).one()


def update(session: Session, project_id: str, user: User, *, now: int) -> None:
    """Store what may change of an account."""
    row = _row(session, project_id, user.id)
    assert row is not None
    row.role, row.disabled, row.updated_at = user.role.value, user.disabled, now
    row.display_name, row.email, row.ssh_public_key = user.display_name, user.email, user.ssh_public_key
    session.add(row)
    session.flush()


def set_password_hash(session: Session, project_id: str, user_id: str, password_hash: str, *, now: int) -> None:
    """Store another password's hash."""
    row = _row(session, project_id, user_id)
    assert row is not None
    row.password_hash, row.updated_at = password_hash, now
    session.add(row)
    session.flush()


def remove(session: Session, project_id: str, user_id: str) -> None:
    """Delete an account; its tokens must be gone."""
    row = _row(session, project_id, user_id)
    assert row is not None
    session.delete(row)
    session.flush()


def _row(session: Session, project_id: str, user_id: str) -> UserRow | None:
    return session.exec(select(UserRow).where(UserRow.project_id == project_id, UserRow.id == user_id)).first()


def _model(row: UserRow) -> User:
    return User(
        id=row.id,
        username=row.username,
        role=Role(row.role),
        display_name=row.display_name,
        email=row.email,
        ssh_public_key=row.ssh_public_key,
        disabled=row.disabled,
        created_at=row.created_at,
    )

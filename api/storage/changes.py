"""Changes: table and repository. A row is there before its commit is in git, so that no commit is ever without one."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field, Session, col, select

from api.storage.rows import MAX_PAGE, ProjectRow, big, micros, text
from schema.changes import ChangeRecord, ChangeState


class ChangeRow(ProjectRow, table=True):
    """One change."""

    __tablename__ = "changes"
    __table_args__ = (
        CheckConstraint("state IN ('begun', 'committed', 'proposed', 'failed')", name="state"),
        UniqueConstraint("project_id", "actor_id", "idempotency_key"),
        Index(None, "project_id", "state"),
        Index(None, "project_id", "commit_id"),
    )

    id: str = Field(primary_key=True, max_length=36)
    kind: str = Field(max_length=32)
    state: str = Field(max_length=16)
    summary: str = text(nullable=False)
    reason: str = text(nullable=False)
    author: str = text(nullable=False)
    actor: str = Field(max_length=256)
    actor_id: str = Field(max_length=256)
    commit_id: str = Field(max_length=64)
    base_id: str = Field(max_length=64)
    branch: str = Field(max_length=255)
    paths: str = text(nullable=False)
    path_count: int = big(nullable=False)
    message: str = text(nullable=False)
    idempotency_key: str | None = Field(default=None, max_length=255)
    created_at: int = micros()
    ended_at: int | None = micros(nullable=True, default=None)


def put(session: Session, project_id: str, record: ChangeRecord, *, key: str | None = None) -> None:
    """Store a change, or what is new of it. `key` counts for a new one alone."""
    new: dict[str, Any] = {
        "kind": record.kind,
        "state": record.state.value,
        "summary": record.summary,
        "reason": record.reason,
        "author": record.author,
        "actor": record.actor[:256],
        "actor_id": record.actor_id[:256],
        "commit_id": record.commit,
        "base_id": record.base,
        "branch": record.branch,
        "paths": json.dumps(record.paths),
        "path_count": record.path_count,
        "message": record.message,
        "created_at": record.created_at,
        "ended_at": record.ended_at,
    }
    row = session.get(ChangeRow, record.id)
    if row is None:
        row = ChangeRow(id=record.id, project_id=project_id, idempotency_key=key, **new)
    else:
        row.sqlmodel_update(new)
    session.add(row)
    session.flush()


def find(session: Session, project_id: str, change_id: str) -> ChangeRecord | None:
    """The change of this id."""
    row = session.exec(select(ChangeRow).where(ChangeRow.project_id == project_id, ChangeRow.id == change_id)).first()
    return None if row is None else _model(row)


def find_by_key(session: Session, project_id: str, actor_id: str, key: str) -> ChangeRecord | None:
    """The change that somebody asked for under this idempotency key."""
    query = select(ChangeRow).where(
        ChangeRow.project_id == project_id, ChangeRow.actor_id == actor_id[:256], ChangeRow.idempotency_key == key
    )
    row = session.exec(query).first()
    return None if row is None else _model(row)


def release_key(session: Session, project_id: str, change_id: str) -> None:
    """Let a change that failed go without its key, so that it can be tried again under it."""
    row = session.exec(select(ChangeRow).where(ChangeRow.project_id == project_id, ChangeRow.id == change_id)).one()
    row.idempotency_key = None
    session.add(row)
    session.flush()


def find_by_commit(session: Session, project_id: str, commit: str) -> ChangeRecord | None:
    """The change that made a commit."""
    query = select(ChangeRow).where(ChangeRow.project_id == project_id, ChangeRow.commit_id == commit)
    row = session.exec(query.order_by(col(ChangeRow.id).desc()).limit(1)).first()
    return None if row is None else _model(row)


def page(session: Session, project_id: str, *, before: str | None = None, limit: int = 50) -> list[ChangeRecord]:
    """Changes, newest first; with `before`, those made before the one of that id. Ids sort by time of making."""
    query = select(ChangeRow).where(ChangeRow.project_id == project_id)
    if before is not None:
        query = query.where(col(ChangeRow.id) < before)
    rows = session.exec(query.order_by(col(ChangeRow.id).desc()).limit(min(limit, MAX_PAGE)))
    return [_model(row) for row in rows]


def begun(session: Session, project_id: str, *, limit: int = MAX_PAGE) -> list[ChangeRecord]:
    """Changes of which it is not known whether they are in the repository, oldest first."""
    query = select(ChangeRow).where(ChangeRow.project_id == project_id, ChangeRow.state == ChangeState.BEGUN.value)
    return [_model(row) for row in session.exec(query.order_by(col(ChangeRow.id)).limit(min(limit, MAX_PAGE)))]


def _model(row: ChangeRow) -> ChangeRecord:
    return ChangeRecord(
        id=row.id,
        kind=row.kind,
        state=ChangeState(row.state),
        summary=row.summary,
        reason=row.reason,
        author=row.author,
        actor=row.actor,
        actor_id=row.actor_id,
        commit=row.commit_id,
        base=row.base_id,
        branch=row.branch,
        paths=json.loads(row.paths),
        path_count=row.path_count,
        message=row.message,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )

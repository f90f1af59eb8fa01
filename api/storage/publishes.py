"""Publishes that others told of: table and repository. What came into force here stands with the revisions."""

from __future__ import annotations

import json

from sqlalchemy import Index
from sqlmodel import Field, Session, col, select

from api.storage.rows import MAX_PAGE, ProjectRow, big, micros, text
from schema.publishes import Publish, PublishSource


class PublishRow(ProjectRow, table=True):
    """One record that somebody sent."""

    __tablename__ = "publishes"
    __table_args__ = (Index(None, "project_id", "created_at"),)

    id: str = Field(primary_key=True, max_length=36)
    operator: str = Field(max_length=256)
    recorded_by: str = Field(max_length=256)
    version: int = big(nullable=False)
    commit_id: str = Field(max_length=64)
    changed_files: str = text(nullable=False)
    removed_files: str = text(nullable=False)
    diff_summary: str = text(nullable=False)
    created_at: int = micros()


def add(session: Session, project_id: str, publish: Publish, diff_summary: str) -> None:
    """Store a record."""
    session.add(
        PublishRow(
            project_id=project_id,
            id=publish.id,
            operator=publish.operator,
            recorded_by=publish.recorded_by or "",
            version=publish.version,
            commit_id=publish.commit or "",
            changed_files=json.dumps(publish.changed_files),
            removed_files=json.dumps(publish.removed_files),
            diff_summary=diff_summary,
            created_at=publish.timestamp,
        )
    )
    session.flush()


def find(session: Session, project_id: str, publish_id: str) -> tuple[Publish, str] | None:
    """The record of this id, and its diff."""
    query = select(PublishRow).where(PublishRow.project_id == project_id, PublishRow.id == publish_id)
    row = session.exec(query).first()
    return None if row is None else (_model(row), row.diff_summary)


def page(session: Session, project_id: str, *, limit: int) -> list[Publish]:
    """Records, newest first."""
    query = select(PublishRow).where(PublishRow.project_id == project_id)
    newest = query.order_by(col(PublishRow.created_at).desc(), col(PublishRow.id).desc())
    return [_model(row) for row in session.exec(newest.limit(min(limit, MAX_PAGE)))]


def _model(row: PublishRow) -> Publish:
    return Publish(
        id=row.id,
        source=PublishSource.RECORDED,
        operator=row.operator,
        recorded_by=row.recorded_by,
        timestamp=row.created_at,
        version=row.version,
        commit=row.commit_id or None,
        changed_files=json.loads(row.changed_files),
        removed_files=json.loads(row.removed_files),
    )

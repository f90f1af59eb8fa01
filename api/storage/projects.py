"""Projects: the tenants. A project is never made by a request header; there is one by default."""

from __future__ import annotations

from sqlmodel import Field, Session, select

from api.storage.rows import MAX_PAGE, Row, micros


class ProjectRow(Row, table=True):
    """A tenant, the isolation boundary."""

    __tablename__ = "projects"

    id: str = Field(primary_key=True, max_length=36)
    name: str = Field(max_length=64, unique=True)
    created_at: int = micros()


def names(session: Session) -> dict[str, str]:
    """Id → name of all projects, by name."""
    rows = session.exec(select(ProjectRow).order_by(ProjectRow.name).limit(MAX_PAGE))
    return {row.id: row.name for row in rows}


def exists(session: Session, project_id: str) -> bool:
    """Whether there is such a project."""
    return session.get(ProjectRow, project_id) is not None

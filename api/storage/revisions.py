"""Revisions: table and repository. The sequence is the primary name; at most one revision is in force."""

from __future__ import annotations

from pydantic import TypeAdapter
from sqlalchemy import CheckConstraint, Index
from sqlalchemy import text as sql
from sqlmodel import Field, Session, col, func, select, update

from api.storage.rows import MAX_PAGE, ProjectRow, big, micros, text
from schema.diagnostics import Diagnostic
from schema.revisions import Revision, RevisionState

_DIAGNOSTICS = TypeAdapter(list[Diagnostic])


class RevisionRow(ProjectRow, table=True):
    """One commit that was judged."""

    __tablename__ = "revisions"
    __table_args__ = (
        CheckConstraint("state IN ('in_force', 'superseded', 'failed', 'diverged', 'untrusted')", name="state"),
        Index(None, "project_id", "commit_id"),
        Index(
            "uq_revisions_in_force",
            "project_id",
            unique=True,
            sqlite_where=sql("state = 'in_force'"),
            postgresql_where=sql("state = 'in_force'"),
        ),
    )

    project_id: str = Field(foreign_key="projects.id", max_length=36, primary_key=True)
    sequence: int = big(primary_key=True)
    commit_id: str = Field(max_length=64)
    state: str = Field(max_length=16)
    author: str = text(nullable=False)
    summary: str = text(nullable=False)
    plan_root: str = Field(max_length=64)
    compiled_us: int = big(nullable=False)
    diagnostics: str = text(nullable=False)
    seen_at: int = micros()
    in_force_at: int | None = micros(nullable=True, default=None)


def add(session: Session, project_id: str, revision: Revision) -> None:
    """Store a revision."""
    session.add(
        RevisionRow(
            project_id=project_id,
            sequence=revision.sequence,
            commit_id=revision.commit,
            state=revision.state.value,
            author=revision.author,
            summary=revision.summary,
            plan_root=revision.plan_root,
            compiled_us=round(revision.compiled_ms * 1000),
            diagnostics=_DIAGNOSTICS.dump_json(revision.diagnostics).decode(),
            seen_at=revision.seen_at,
            in_force_at=revision.in_force_at,
        )
    )
    session.flush()


def next_sequence(session: Session, project_id: str) -> int:
    """The sequence of the revision to be added; the first is 1."""
    last = session.exec(select(func.max(RevisionRow.sequence)).where(RevisionRow.project_id == project_id)).one()
    return (last or 0) + 1


def supersede(session: Session, project_id: str) -> None:
    """Take the revision in force, if any, out of force."""
    session.exec(
        update(RevisionRow)
        .where(col(RevisionRow.project_id) == project_id, col(RevisionRow.state) == RevisionState.IN_FORCE.value)
        .values(state=RevisionState.SUPERSEDED.value)
    )


def in_force(session: Session, project_id: str) -> Revision | None:
    """The revision in force."""
    query = select(RevisionRow).where(
        RevisionRow.project_id == project_id, RevisionRow.state == RevisionState.IN_FORCE.value
    )
    row = session.exec(query).first()
    return None if row is None else _model(row)


def in_force_at(session: Session, project_id: str, micros: int) -> Revision | None:
    """The revision that was in force at a time; None before the first."""
    query = (
        select(RevisionRow)
        .where(RevisionRow.project_id == project_id, col(RevisionRow.in_force_at) <= micros)
        .order_by(col(RevisionRow.sequence).desc())
        .limit(1)
    )
    row = session.exec(query).first()
    return None if row is None else _model(row)


def newest(session: Session, project_id: str) -> Revision | None:
    """The revision judged last."""
    found = page(session, project_id, limit=1)
    return found[0] if found else None


def find(session: Session, project_id: str, sequence: int) -> Revision | None:
    """The revision of this sequence."""
    row = session.get(RevisionRow, (project_id, sequence))
    return None if row is None else _model(row)


def find_commits(session: Session, project_id: str, prefix: str, *, limit: int = 10) -> list[Revision]:
    """Revisions of commits whose id begins so, newest first; an id in lower-case hex."""
    query = (
        select(RevisionRow)
        .where(
            RevisionRow.project_id == project_id,
            col(RevisionRow.commit_id) >= prefix,
            col(RevisionRow.commit_id) < prefix + "g",
        )
        .order_by(col(RevisionRow.sequence).desc())
        .limit(min(limit, MAX_PAGE))
    )
    return [_model(row) for row in session.exec(query)]


def page(session: Session, project_id: str, *, before: int | None = None, limit: int = 50) -> list[Revision]:
    """Revisions, newest first; with `before`, those of a lower sequence."""
    query = select(RevisionRow).where(RevisionRow.project_id == project_id)
    if before is not None:
        query = query.where(RevisionRow.sequence < before)
    rows = session.exec(query.order_by(col(RevisionRow.sequence).desc()).limit(min(limit, MAX_PAGE)))
    return [_model(row) for row in rows]


def came_into_force(session: Session, project_id: str, *, before: int | None = None, limit: int = 50) -> list[Revision]:
    """Revisions that are or were in force, newest first; with `before`, those of a lower sequence."""
    query = select(RevisionRow).where(RevisionRow.project_id == project_id, col(RevisionRow.in_force_at).is_not(None))
    if before is not None:
        query = query.where(RevisionRow.sequence < before)
    rows = session.exec(query.order_by(col(RevisionRow.sequence).desc()).limit(min(limit, MAX_PAGE)))
    return [_model(row) for row in rows]


def in_force_within(session: Session, project_id: str, since: int, until: int) -> list[Revision]:
    """Revisions that came into force in a stretch of time (microseconds; `until` not included), newest first."""
    query = select(RevisionRow).where(
        RevisionRow.project_id == project_id,
        col(RevisionRow.in_force_at) >= since,
        col(RevisionRow.in_force_at) < until,
    )
    return [_model(row) for row in session.exec(query.order_by(col(RevisionRow.sequence).desc()).limit(MAX_PAGE))]


def of_commit(session: Session, project_id: str, commit: str) -> Revision | None:
    """The last revision in which a commit came into force."""
    query = select(RevisionRow).where(
        RevisionRow.project_id == project_id,
        RevisionRow.commit_id == commit,
        col(RevisionRow.in_force_at).is_not(None),
    )
    row = session.exec(query.order_by(col(RevisionRow.sequence).desc()).limit(1)).first()
    return None if row is None else _model(row)


def _model(row: RevisionRow) -> Revision:
    return Revision(
        sequence=row.sequence,
        commit=row.commit_id,
        state=RevisionState(row.state),
        author=row.author,
        summary=row.summary,
        plan_root=row.plan_root,
        compiled_ms=row.compiled_us / 1000,
        diagnostics=_DIAGNOSTICS.validate_json(row.diagnostics),
        seen_at=row.seen_at,
        in_force_at=row.in_force_at,
    )

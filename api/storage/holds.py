"""Holds and break-glass permissions: tables and repository. A hold that is over is no longer there; a permission is."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, Session, col, delete, select, update

from api.storage.envoys import EnvoyRow
from api.storage.rows import ProjectRow, micros, text
from schema.holds import MAX_GLASSES, MAX_HOLDS, BreakGlass, Hold, HoldKind


class HoldRow(ProjectRow, table=True):
    """One hold: of all hosts, of those of a pattern, or of one envoy."""

    __tablename__ = "holds"
    __table_args__ = (
        CheckConstraint("kind IN ('freeze', 'maintenance', 'quarantine')", name="kind"),
        Index(None, "project_id", "created_at"),
    )

    id: str = Field(primary_key=True, max_length=36)
    kind: str = Field(max_length=16)
    match: str = text(default="", nullable=False)
    """Empty for none."""
    envoy_id: str | None = Field(default=None, foreign_key="envoys.id", max_length=36, nullable=True, index=True)
    until_at: int | None = micros(nullable=True, default=None)
    reason: str = text(nullable=False)
    created_at: int = micros()
    created_by: str = text(nullable=False)


class BreakGlassRow(ProjectRow, table=True):
    """One break-glass permission, on or over."""

    __tablename__ = "break_glass"
    __table_args__ = (Index(None, "project_id", "opened_at"),)

    id: str = Field(primary_key=True, max_length=36)
    commit_id: str = Field(max_length=64)
    """Empty with an author."""
    author: str = Field(max_length=320)
    match: str = text(default="", nullable=False)
    until_at: int = micros()
    reason: str = text(nullable=False)
    opened_at: int = micros()
    opened_by: str = text(nullable=False)
    ended_at: int | None = micros(nullable=True, default=None)
    ended_by: str = text(default="", nullable=False)
    used_for: str = text(default="[]", nullable=False)
    """JSON list of commits."""


def add(session: Session, project_id: str, hold: Hold) -> None:
    """Store a hold."""
    session.add(
        HoldRow(
            project_id=project_id,
            id=hold.id,
            kind=hold.kind.value,
            match=hold.match or "",
            envoy_id=hold.envoy_id,
            until_at=hold.until,
            reason=hold.reason,
            created_at=hold.created_at,
            created_by=hold.created_by,
        )
    )
    session.flush()


def page(session: Session, project_id: str) -> list[Hold]:
    """All holds, the newest first; also those whose time is over and that nobody has taken away yet."""
    holds = HoldRow.__table__  # type: ignore[attr-defined]
    envoys = EnvoyRow.__table__  # type: ignore[attr-defined]
    query = (
        sa.select(holds, envoys.c.hostname)
        .select_from(holds.outerjoin(envoys, envoys.c.id == holds.c.envoy_id))
        .where(holds.c.project_id == project_id)
        .order_by(holds.c.created_at.desc(), holds.c.id.desc())
        .limit(MAX_HOLDS)
    )
    return [_hold(row) for row in session.connection().execute(query)]


def remove(session: Session, project_id: str, hold_ids: Collection[str]) -> None:
    """Take holds away."""
    session.exec(delete(HoldRow).where(col(HoldRow.project_id) == project_id, col(HoldRow.id).in_(hold_ids)))


def forget(session: Session, project_id: str, envoy_id: str) -> None:
    """Take away what holds an envoy that is no more."""
    session.exec(delete(HoldRow).where(col(HoldRow.project_id) == project_id, col(HoldRow.envoy_id) == envoy_id))


def add_glass(session: Session, project_id: str, glass: BreakGlass) -> None:
    """Store a permission."""
    session.add(
        BreakGlassRow(
            project_id=project_id,
            id=glass.id,
            commit_id=glass.commit or "",
            author=glass.author,
            match=glass.match or "",
            until_at=glass.until,
            reason=glass.reason,
            opened_at=glass.opened_at,
            opened_by=glass.opened_by,
        )
    )
    session.flush()


def glasses_on(session: Session, project_id: str) -> list[BreakGlass]:
    """The permissions that nobody has ended, the newest first; also those whose time is over."""
    query = (
        select(BreakGlassRow)
        .where(BreakGlassRow.project_id == project_id, col(BreakGlassRow.ended_at).is_(None))
        .order_by(col(BreakGlassRow.opened_at).desc(), col(BreakGlassRow.id).desc())
        .limit(MAX_GLASSES)
    )
    return [_glass(row) for row in session.exec(query)]


def glasses(session: Session, project_id: str, *, limit: int) -> list[BreakGlass]:
    """Permissions, on and over, the newest first."""
    query = (
        select(BreakGlassRow)
        .where(BreakGlassRow.project_id == project_id)
        .order_by(col(BreakGlassRow.opened_at).desc(), col(BreakGlassRow.id).desc())
        .limit(limit)
    )
    return [_glass(row) for row in session.exec(query)]


def find_glass(session: Session, project_id: str, glass_id: str) -> BreakGlass | None:
    """The permission of this id."""
    query = select(BreakGlassRow).where(BreakGlassRow.project_id == project_id, BreakGlassRow.id == glass_id)
    row = session.exec(query).first()
    return None if row is None else _glass(row)


def end_glass(session: Session, project_id: str, glass_id: str, *, at: int, by: str) -> None:
    """Note that a permission is over; one that is stays as it is."""
    session.exec(
        update(BreakGlassRow)
        .where(
            col(BreakGlassRow.project_id) == project_id,
            col(BreakGlassRow.id) == glass_id,
            col(BreakGlassRow.ended_at).is_(None),
        )
        .values(ended_at=at, ended_by=by)
    )


def use_glass(session: Session, project_id: str, glass_id: str, commits: Sequence[str]) -> None:
    """Note what a permission has let through."""
    session.exec(
        update(BreakGlassRow)
        .where(col(BreakGlassRow.project_id) == project_id, col(BreakGlassRow.id) == glass_id)
        .values(used_for=json.dumps(list(commits)))
    )


def _hold(row: Any) -> Hold:
    return Hold(
        id=row.id,
        kind=HoldKind(row.kind),
        match=row.match or None,
        envoy_id=row.envoy_id,
        hostname=row.hostname,
        until=row.until_at,
        reason=row.reason,
        created_at=row.created_at,
        created_by=row.created_by,
    )


def _glass(row: BreakGlassRow) -> BreakGlass:
    return BreakGlass(
        id=row.id,
        commit=row.commit_id or None,
        author=row.author,
        match=row.match or None,
        until=row.until_at,
        reason=row.reason,
        opened_at=row.opened_at,
        opened_by=row.opened_by,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
        used_for=json.loads(row.used_for),
    )

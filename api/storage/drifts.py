"""Drifts: what was found on hosts otherwise than it should be, one row an episode; and a snapshot of each day."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Index
from sqlmodel import Field, Session

from api.storage.envoys import EnvoyRow
from api.storage.rows import MAX_PAGE, ProjectRow, big, micros, text

MAX_OPEN: Final = 200
"""Open drifts of one envoy that are kept: whoever has more has one big problem, which the run shows whole."""
KEEP_CLOSED: Final = 200
"""Closed ones of one envoy."""


class DriftRow(ProjectRow, table=True):
    """One resource of one envoy that was otherwise than desired, from when it was found so to when that was over."""

    __tablename__ = "drifts"
    __table_args__ = (
        Index(None, "envoy_id", "closed_at"),
        Index(None, "project_id", "closed_at", "last_at"),
        Index(
            "uq_drifts_open",
            "envoy_id",
            "resource_sha256",
            "how",
            unique=True,
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True, max_length=36)
    envoy_id: str = Field(foreign_key="envoys.id", max_length=36)
    resource: str = text(nullable=False)
    resource_sha256: str = Field(max_length=64)
    """Of `resource`, which may be too long for an index."""
    type: str = Field(max_length=64)
    how: str = Field(max_length=16)
    since: int = micros()
    last_at: int = micros()
    times: int = Field()
    run_id: str = Field(max_length=36)
    """The run that found it last."""
    commit_id: str = Field(max_length=64)
    closed_at: int | None = micros(nullable=True, default=None)
    closed_by: str = Field(default="", max_length=16)
    document: str = text(nullable=False)
    """JSON: what was observed, the error, and where the resource stands in the config."""


class CursorRow(ProjectRow, table=True):
    """Up to which run it is known what was found."""

    __tablename__ = "drift_cursors"

    project_id: str = Field(foreign_key="projects.id", max_length=36, primary_key=True)
    sequence: int = big(nullable=False)


class SnapshotRow(ProjectRow, table=True):
    """One day of one project."""

    __tablename__ = "drift_snapshots"

    project_id: str = Field(foreign_key="projects.id", max_length=36, primary_key=True)
    day: str = Field(primary_key=True, max_length=10)
    """`2026-11-22`, UTC: the day that ends with it."""
    taken_at: int = micros()
    final: bool = Field()
    """Whether the day was over when it was taken."""
    document: str = text(nullable=False)


class Episode(NamedTuple):
    """One drift as it is stored."""

    id: str
    envoy_id: str
    hostname: str
    resource: str
    type: str
    how: str
    since: int
    last_at: int
    times: int
    run_id: str
    commit: str
    closed_at: int | None
    closed_by: str
    document: dict[str, Any]


class Found(NamedTuple):
    """One resource that a run found otherwise than desired."""

    id: str
    """For a new episode."""
    resource: str
    resource_sha256: str
    type: str
    how: str
    document: str


class Snapshot(NamedTuple):
    """One day."""

    day: str
    taken_at: int
    final: bool
    document: dict[str, Any]


_NOTE: Final = sa.text(
    "INSERT INTO drifts (project_id, id, envoy_id, resource, resource_sha256, type, how, since, last_at, times, "
    "run_id, commit_id, closed_at, closed_by, document) "
    "VALUES (:project, :id, :envoy, :resource, :resource_sha256, :type, :how, :at, :at, 1, :run, "
    ":commit, NULL, '', :document) "
    "ON CONFLICT (envoy_id, resource_sha256, how) WHERE closed_at IS NULL DO UPDATE SET last_at = excluded.last_at, "
    "times = drifts.times + 1, run_id = excluded.run_id, commit_id = excluded.commit_id, "
    "document = excluded.document, type = excluded.type"
)


def note(
    session: Session, project_id: str, envoy_id: str, found: Sequence[Found], *, run_id: str, commit: str, at: int
) -> int:
    """Remember what a run found; how many are left out, the envoy having `MAX_OPEN` others open."""
    connection = session.connection()
    table = DriftRow.__table__  # type: ignore[attr-defined]
    query = sa.select(table.c.resource_sha256, table.c.how).where(
        table.c.envoy_id == envoy_id, table.c.closed_at.is_(None)
    )
    known = {(row[0], row[1]) for row in connection.execute(query)}
    fresh = [each for each in found if (each.resource_sha256, each.how) not in known]
    refused = set(fresh[max(0, MAX_OPEN - len(known)) :])
    taken = [each for each in found if each not in refused]
    if taken:
        shared = {"project": project_id, "envoy": envoy_id, "run": run_id, "commit": commit, "at": at}
        connection.execute(_NOTE, [shared | each._asdict() for each in taken])
    return len(refused)


def opened(
    session: Session, project_id: str, *, since: int = 0, after: tuple[str, str] = ("", ""), limit: int = MAX_PAGE
) -> list[Episode]:
    """Open drifts that were seen at `since` or later, by (hostname, id), from behind `after` on."""
    envoys, table = EnvoyRow.__table__, DriftRow.__table__  # type: ignore[attr-defined]
    hostname, drift_id = after
    same = (envoys.c.hostname == hostname) & (table.c.id > drift_id)
    query = (
        _query()
        .where(table.c.project_id == project_id, table.c.closed_at.is_(None), table.c.last_at >= since)
        .where(envoys.c.revoked_at.is_(None), (envoys.c.hostname > hostname) | same)
        .order_by(envoys.c.hostname, table.c.id)
        .limit(min(limit, MAX_PAGE))
    )
    return [_episode(row) for row in session.connection().execute(query)]


def of(session: Session, project_id: str, envoy_ids: Sequence[str], *, closed: bool = False) -> list[Episode]:
    """Drifts of some envoys (at most `MAX_PAGE`), those seen last first; also closed ones if so asked."""
    envoys, table = EnvoyRow.__table__, DriftRow.__table__  # type: ignore[attr-defined]
    query = _query().where(table.c.project_id == project_id, table.c.envoy_id.in_(envoy_ids[:MAX_PAGE]))
    if not closed:
        query = query.where(table.c.closed_at.is_(None))
    query = query.order_by(table.c.last_at.desc(), envoys.c.hostname, table.c.id)
    return [_episode(row) for row in session.connection().execute(query)]


def alike(session: Session, project_id: str, resource_sha256: str, *, since: int, limit: int) -> list[Episode]:
    """Open drifts of one resource on whatever host that were seen at `since` or later, or are left, by host."""
    envoys, table = EnvoyRow.__table__, DriftRow.__table__  # type: ignore[attr-defined]
    query = (
        _query()
        .where(table.c.project_id == project_id, table.c.closed_at.is_(None), envoys.c.revoked_at.is_(None))
        .where(table.c.resource_sha256 == resource_sha256, (table.c.last_at >= since) | (table.c.how == "left"))
        .order_by(envoys.c.hostname, table.c.id)
        .limit(limit)
    )
    return [_episode(row) for row in session.connection().execute(query)]


def cursor(session: Session, project_id: str) -> int:
    """The sequence of the newest run of which it is known what was found; 0 before the first."""
    table = CursorRow.__table__  # type: ignore[attr-defined]
    query = sa.select(table.c.sequence).where(table.c.project_id == project_id)
    return int(session.connection().execute(query).scalar() or 0)


def set_cursor(session: Session, project_id: str, sequence: int) -> None:
    """Up to this run it is known now."""
    session.connection().execute(
        sa.text(
            "INSERT INTO drift_cursors (project_id, sequence) VALUES (:project, :sequence) "
            "ON CONFLICT (project_id) DO UPDATE SET sequence = excluded.sequence"
        ),
        {"project": project_id, "sequence": sequence},
    )


def close(session: Session, envoy_id: str, ids: Collection[str], *, word: str, now: int) -> None:
    """Close some of an envoy's drifts, by a word that says why. The oldest closed ones beyond `KEEP_CLOSED` go."""
    if not ids:
        return
    table, connection = DriftRow.__table__, session.connection()  # type: ignore[attr-defined]
    connection.execute(table.update().where(table.c.id.in_(list(ids))).values(closed_at=now, closed_by=word))
    oldest = (
        sa.select(table.c.id)
        .where(table.c.envoy_id == envoy_id, table.c.closed_at.is_not(None))
        .order_by(table.c.closed_at.desc(), table.c.id.desc())
        .offset(KEEP_CLOSED)
        .limit(MAX_PAGE)
    )
    gone = [row[0] for row in connection.execute(oldest)]
    if gone:
        connection.execute(table.delete().where(table.c.id.in_(gone)))


def calm(session: Session, project_id: str, *, seen_before: int, now: int) -> int:
    """Close the repaired ones that nobody has seen since a time, and all of envoys that are no more; how many."""
    envoys, table = EnvoyRow.__table__, DriftRow.__table__  # type: ignore[attr-defined]
    gone = sa.select(envoys.c.id).where(envoys.c.project_id == project_id, envoys.c.revoked_at.is_not(None))
    quiet = (table.c.how == "corrective") & (table.c.last_at < seen_before)
    closed = session.connection().execute(
        table.update()
        .where(table.c.project_id == project_id, table.c.closed_at.is_(None), quiet | table.c.envoy_id.in_(gone))
        .values(closed_at=now, closed_by="calm")
    )
    return int(closed.rowcount)


def forget(session: Session, project_id: str, *, before: int, before_day: str) -> None:
    """Let go of drifts that were over before a time, and of the snapshots of the days before one."""
    table, days = DriftRow.__table__, SnapshotRow.__table__  # type: ignore[attr-defined]
    connection = session.connection()
    connection.execute(table.delete().where(table.c.project_id == project_id, table.c.closed_at < before))
    connection.execute(days.delete().where(days.c.project_id == project_id, days.c.day < before_day))


def episodes(session: Session, project_id: str, *, start: int, end: int) -> Mapping[str, int]:
    """How many drifts were found first at `start` or later and before `end`, of each `how`."""
    table = DriftRow.__table__  # type: ignore[attr-defined]
    query = (
        sa.select(table.c.how, sa.func.count())
        .where(table.c.project_id == project_id, table.c.since >= start, table.c.since < end)
        .group_by(table.c.how)
    )
    return {row[0]: row[1] for row in session.connection().execute(query)}


def put_snapshot(session: Session, project_id: str, snapshot: Snapshot) -> None:
    """Store a day, in place of what was stored of it before; one that is final stays."""
    session.connection().execute(
        sa.text(
            "INSERT INTO drift_snapshots (project_id, day, taken_at, final, document) "
            "VALUES (:project, :day, :taken_at, :final, :document) ON CONFLICT (project_id, day) DO UPDATE SET "
            "taken_at = excluded.taken_at, final = excluded.final, document = excluded.document "
            "WHERE NOT drift_snapshots.final"
        ),
        {"project": project_id} | snapshot._asdict() | {"document": json.dumps(snapshot.document)},
    )


def snapshots(session: Session, project_id: str, *, limit: int, before_day: str | None = None) -> list[Snapshot]:
    """Days, the newest first."""
    table = SnapshotRow.__table__  # type: ignore[attr-defined]
    query = sa.select(table.c.day, table.c.taken_at, table.c.final, table.c.document).where(
        table.c.project_id == project_id
    )
    if before_day is not None:
        query = query.where(table.c.day < before_day)
    found = session.connection().execute(query.order_by(table.c.day.desc()).limit(min(limit, MAX_PAGE)))
    return [Snapshot(row[0], row[1], bool(row[2]), json.loads(row[3])) for row in found]


def snapshot(session: Session, project_id: str, day: str) -> Snapshot | None:
    """One day."""
    table = SnapshotRow.__table__  # type: ignore[attr-defined]
    query = sa.select(table.c.day, table.c.taken_at, table.c.final, table.c.document).where(
        table.c.project_id == project_id, table.c.day == day
    )
    row = session.connection().execute(query).first()
    return None if row is None else Snapshot(row[0], row[1], bool(row[2]), json.loads(row[3]))


def _query() -> sa.Select[Any]:
    envoys, table = EnvoyRow.__table__, DriftRow.__table__  # type: ignore[attr-defined]
    return sa.select(
        table.c.id,
        table.c.envoy_id,
        envoys.c.hostname,
        table.c.resource,
        table.c.type,
        table.c.how,
        table.c.since,
        table.c.last_at,
        table.c.times,
        table.c.run_id,
        table.c.commit_id,
        table.c.closed_at,
        table.c.closed_by,
        table.c.document,
    ).join(envoys, envoys.c.id == table.c.envoy_id)


def _episode(row: Any) -> Episode:
    columns: list[Any] = list(row)
    columns[-1] = json.loads(columns[-1])
    return Episode(*columns)

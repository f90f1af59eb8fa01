"""Runs: table and repository. The header stands in columns, the resources in one compressed document beside it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy import Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, Session, col, select

from api.storage import bulk
from api.storage.envoys import EnvoyRow
from api.storage.rows import MAX_PAGE, ProjectRow, big, blob, micros, text
from schema.protocol.reports import ResourceReport, RunStatus, Trigger
from schema.runs import Run, RunDetail

KEEP: Final = 50
"""Runs of one envoy that are kept. 50 runs of 50 resources are about 50 KB; 10,000 hosts stay under half a gigabyte."""

_RESOURCES: Final = TypeAdapter(list[ResourceReport])


class RunRow(ProjectRow, table=True):
    """One run, as reported."""

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("envoy_id", "report_id"),
        Index(None, "envoy_id", "sequence"),
        Index(None, "project_id", "sequence"),
    )

    sequence: int = big(primary_key=True)
    id: str = Field(unique=True, max_length=36)
    envoy_id: str = Field(foreign_key="envoys.id", max_length=36)
    report_id: str = Field(max_length=64)
    trigger: str = Field(max_length=16)
    status: str = Field(max_length=16)
    commit_id: str = Field(max_length=64)
    epoch: int = big(nullable=False)
    generation: int = big(nullable=False)
    catalog_sha256: str = Field(max_length=64)
    assignment_sha256: str = Field(max_length=64)
    dry_run: bool = Field()
    stale: bool = Field()
    started_at: int = micros()
    finished_at: int = micros()
    received_at: int = micros()
    duration_us: int = big(nullable=False)
    total: int = Field()
    unchanged: int = Field()
    changed: int = Field()
    failed: int = Field()
    skipped: int = Field()
    corrective: int = Field()
    error: str = text(nullable=False)
    resources: bytes = blob(nullable=False)
    """zlib of the resources' JSON."""


def next_sequence(session: Session) -> int:
    """The sequence of the run to be added."""
    last = session.connection().execute(sql("SELECT MAX(sequence) FROM runs")).scalar()
    return int(last or 0) + 1


class Fresh(NamedTuple):
    """A run that is to be stored: the columns of its row, but for project and sequence."""

    id: str
    envoy_id: str
    report_id: str
    trigger: str
    status: str
    commit_id: str
    epoch: int
    generation: int
    catalog_sha256: str
    assignment_sha256: str
    dry_run: bool
    stale: bool
    started_at: int
    finished_at: int
    received_at: int
    duration_us: int
    total: int
    unchanged: int
    changed: int
    failed: int
    skipped: int
    corrective: int
    error: str
    resources: bytes
    """See `packed`."""


_COLUMNS: Final = ("project_id", "sequence", *Fresh._fields)
_RAN: Final = (
    "UPDATE envoys SET run_id = r.id, run_started_at = r.started_at, run_status = r.status, "
    "run_catalog_sha256 = r.catalog_sha256, run_stale = r.stale, run_unchanged = r.unchanged, run_changed = r.changed, "
    "run_failed = r.failed, run_corrective = r.corrective, last_seen_at = r.received_at, "
    "refusal = CASE r.status WHEN 'refused' THEN r.error ELSE '' END "
    "FROM (SELECT envoy_id, MAX(sequence) AS sequence FROM runs WHERE sequence BETWEEN ? AND ? AND NOT dry_run "
    "GROUP BY envoy_id) AS came JOIN runs r ON r.sequence = came.sequence WHERE envoys.id = came.envoy_id"
)
# Each run that came makes one of its envoy too many. Asked for in this way, PostgreSQL goes by its indexes alone.
_FORGET: Final = (
    "DELETE FROM runs WHERE sequence IN (SELECT (SELECT k.sequence FROM runs k WHERE k.envoy_id = came.envoy_id "
    "AND k.sequence < came.sequence ORDER BY k.sequence DESC LIMIT 1 OFFSET ?) "
    "FROM runs came WHERE came.sequence BETWEEN ? AND ?)"
)
_KNOWN: Final = (
    "SELECT r.envoy_id, r.report_id FROM asked CROSS JOIN runs r WHERE r.envoy_id = asked.a AND r.report_id = asked.b"
)


def packed(resources: list[ResourceReport] | bytes) -> bytes:
    """The resources, or their JSON without what is as it is by default, as a row has them."""
    whole = resources if isinstance(resources, bytes) else _RESOURCES.dump_json(resources, exclude_defaults=True)
    return zlib.compress(whole, 1)


def add(session: Session, project_id: str, runs: Sequence[Fresh]) -> None:
    """Store runs in this order, drop each envoy's oldest beyond `KEEP`, and remember with each envoy how its newest
    ended, unless that was a dry run. Agents send their reports in the order of the runs, so the last one to come is the
    newest, whatever their clocks say."""
    if not runs:
        return
    first = next_sequence(session)
    rows = [(project_id, sequence, *run) for sequence, run in enumerate(runs, first)]
    bulk.insert(session, RunRow.__table__, _COLUMNS, rows)  # type: ignore[attr-defined]
    last = first + len(runs) - 1
    bulk.execute(session, _RAN, [(first, last)])
    bulk.execute(session, _FORGET, [(KEEP - 1, first, last)])


def known(session: Session, reports: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Of these (envoy, report), those that are stored already."""
    return set(bulk.among(session, _KNOWN, reports))


def find(session: Session, project_id: str, run_id: str) -> RunDetail | None:
    """One run with its resources."""
    query = (
        select(RunRow, EnvoyRow.hostname)
        .join(EnvoyRow, col(EnvoyRow.id) == RunRow.envoy_id)
        .where(RunRow.project_id == project_id, RunRow.id == run_id)
    )
    found = session.exec(query).first()
    if found is None:
        return None
    row, hostname = found
    resources = _RESOURCES.validate_json(zlib.decompress(row.resources))
    return RunDetail(**dict(_model(row, hostname)), resources=resources)


def notable(
    session: Session, project_id: str, *, after: int, top: int, limit: int = MAX_PAGE
) -> list[tuple[int, Run, list[ResourceReport]]]:
    """(Sequence, run, resources) of the runs behind a sequence and up to another that may have found something else
    than desired, and of all runs of envoys that have an open drift; in the order in which they came, without dry runs.

    Of a run that says nothing of the kind, no resources are unpacked: there are none then.
    """
    runs = RunRow.__table__  # type: ignore[attr-defined]
    drifts = sa.table("drifts", sa.column("envoy_id"), sa.column("closed_at"))
    troubled = runs.c.envoy_id.in_(sa.select(drifts.c.envoy_id).where(drifts.c.closed_at.is_(None)))
    told = (runs.c.corrective > 0) | (runs.c.failed > 0) | (runs.c.skipped > 0)
    query = (
        _whole(project_id, troubled.label("troubled"))
        .where(runs.c.sequence > after, runs.c.sequence <= top, told | troubled)
        .order_by(runs.c.sequence)
        .limit(min(limit, MAX_PAGE))
    )
    return _unpacked(session, query)


def last_of(
    session: Session, project_id: str, envoy_ids: Sequence[str], *, top: int
) -> list[tuple[int, Run, list[ResourceReport]]]:
    """The same of the newest run of each of these envoys (at most `MAX_PAGE`) up to a sequence."""
    runs = RunRow.__table__  # type: ignore[attr-defined]
    newest_ = (
        sa.select(sa.func.max(runs.c.sequence))
        .where(runs.c.envoy_id.in_(envoy_ids[:MAX_PAGE]), runs.c.sequence <= top, runs.c.dry_run.is_(False))
        .group_by(runs.c.envoy_id)
    )
    return _unpacked(session, _whole(project_id, sa.true().label("troubled")).where(runs.c.sequence.in_(newest_)))


def _whole(project_id: str, troubled: Any) -> sa.Select[Any]:
    runs, envoys = RunRow.__table__, EnvoyRow.__table__  # type: ignore[attr-defined]
    return (
        sa.select(*runs.c, envoys.c.hostname, troubled)
        .select_from(runs.join(envoys, envoys.c.id == runs.c.envoy_id))
        .where(runs.c.project_id == project_id, runs.c.dry_run.is_(False))
    )


def _unpacked(session: Session, query: sa.Select[Any]) -> list[tuple[int, Run, list[ResourceReport]]]:
    found = []
    for row in session.connection().execute(query):
        resources: list[ResourceReport] = []
        document = zlib.decompress(row.resources)
        if row.corrective or row.failed or row.troubled or b'"observed"' in document:
            resources = _RESOURCES.validate_json(document)
        found.append((row.sequence, _model(row, row.hostname), resources))
    return found


def newest(session: Session) -> int:
    """The sequence of the newest run of all; 0 before the first."""
    return int(session.connection().execute(sql("SELECT MAX(sequence) FROM runs")).scalar() or 0)


def page(
    session: Session, project_id: str, *, envoy_id: str | None = None, before: int | None = None, limit: int = 50
) -> list[tuple[int, Run]]:
    """(Sequence, run), newest first; of one envoy, and of a lower sequence than `before`, if so asked."""
    # Without the document: a page of headers must not unpack what nobody sees.
    columns = [column for column in RunRow.__table__.c if column.name != "resources"]  # type: ignore[attr-defined]
    envoys = EnvoyRow.__table__  # type: ignore[attr-defined]
    runs = RunRow.__table__  # type: ignore[attr-defined]
    query = (
        sa.select(*columns, envoys.c.hostname)
        .select_from(runs.join(envoys, envoys.c.id == runs.c.envoy_id))
        .where(runs.c.project_id == project_id)
        .order_by(runs.c.sequence.desc())
        .limit(min(limit, MAX_PAGE))
    )
    if envoy_id is not None:
        query = query.where(runs.c.envoy_id == envoy_id)
    if before is not None:
        query = query.where(runs.c.sequence < before)
    rows = session.connection().execute(query)
    return [(row.sequence, _model(row, row.hostname)) for row in rows]


def _model(row: Any, hostname: str) -> Run:
    return Run(
        id=row.id,
        report_id=row.report_id,
        envoy_id=row.envoy_id,
        hostname=hostname,
        trigger=Trigger(row.trigger),
        status=RunStatus(row.status),
        commit=row.commit_id,
        epoch=row.epoch,
        generation=row.generation,
        catalog_sha256=row.catalog_sha256,
        assignment_sha256=row.assignment_sha256,
        dry_run=row.dry_run,
        stale=row.stale,
        started=row.started_at,
        finished=row.finished_at,
        received_at=row.received_at,
        duration_us=row.duration_us,
        total=row.total,
        unchanged=row.unchanged,
        changed=row.changed,
        failed=row.failed,
        skipped=row.skipped,
        corrective=row.corrective,
        error=row.error,
    )

"""Standings: how each revision's counts were at each change; and the fleet as counts are made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Field, Session, col, delete, func, select

from api.storage.assignments import TargetRow
from api.storage.envoys import EnvoyRow
from api.storage.rows import ProjectRow, big, micros, text
from schema.protocol.reports import RunStatus
from schema.standings import StandingClass, StandingPoint

KEEP_REVISIONS: Final = 500
"""Revisions of which a history is kept."""
STRETCH: Final = 5_000
"""Hosts read at once."""


class StandingRow(ProjectRow, table=True):
    """The counts of one revision at one time."""

    __tablename__ = "standings"

    project_id: str = Field(foreign_key="projects.id", primary_key=True, max_length=36)
    sequence: int = big(primary_key=True)
    at: int = micros(primary_key=True)
    counts: str = text(nullable=False)
    """JSON: class → hosts; those with none are left out."""


class FleetHost(NamedTuple):
    """Of one live envoy, what counts are made of."""

    id: str
    hostname: str
    ran: str
    """Digest of its last run's catalog; empty before the first."""
    failed: bool
    commit: str
    """Of its newest assignment; empty before the first."""


def fleet(session: Session, project_id: str, *, after: str = "", limit: int = STRETCH) -> list[FleetHost]:
    """Live envoys by id, from behind `after` on."""
    envoys = EnvoyRow.__table__  # type: ignore[attr-defined]
    targets = TargetRow.__table__  # type: ignore[attr-defined]
    query = (
        sa.select(
            envoys.c.id,
            envoys.c.hostname,
            envoys.c.run_catalog_sha256,
            envoys.c.run_status,
            envoys.c.run_failed,
            targets.c.commit_id,
        )
        .select_from(envoys.outerjoin(targets, targets.c.envoy_id == envoys.c.id))
        .where(envoys.c.project_id == project_id, envoys.c.revoked_at.is_(None), envoys.c.id > after)
        .order_by(envoys.c.id)
        .limit(limit)
    )
    return [
        FleetHost(envoy_id, hostname, ran, is_failure(status, failed), commit or "")
        for envoy_id, hostname, ran, status, failed, commit in session.connection().execute(query)
    ]


def is_failure(status: str, failed: int) -> bool:
    """Whether a run that ended so, with so many resources failed, did not make its host what it was to be."""
    return failed > 0 or status in {RunStatus.FAILED.value, RunStatus.REFUSED.value}


def add(session: Session, project_id: str, sequence: int, at: int, counts: Mapping[StandingClass, int]) -> None:
    """Note the counts of a revision at a time."""
    kept = {name.value: count for name, count in counts.items() if count}
    session.add(StandingRow(project_id=project_id, sequence=sequence, at=at, counts=json.dumps(kept)))
    session.flush()


def times(session: Session, project_id: str, sequence: int) -> list[int]:
    """When counts of a revision were noted, oldest first."""
    query = select(StandingRow.at).where(StandingRow.project_id == project_id, StandingRow.sequence == sequence)
    return list(session.exec(query.order_by(col(StandingRow.at))))


def remove(session: Session, project_id: str, sequence: int, at: Sequence[int]) -> None:
    """Forget what was noted at these times."""
    of_revision = col(StandingRow.project_id) == project_id, col(StandingRow.sequence) == sequence
    session.exec(delete(StandingRow).where(*of_revision, col(StandingRow.at).in_(at)))


def forget(session: Session, project_id: str) -> None:
    """Forget the history of all but the newest revisions."""
    newest = session.exec(select(func.max(StandingRow.sequence)).where(StandingRow.project_id == project_id)).one()
    last = (newest or 0) - KEEP_REVISIONS
    session.exec(
        delete(StandingRow).where(col(StandingRow.project_id) == project_id, col(StandingRow.sequence) <= last)
    )


def history(session: Session, project_id: str, sequence: int, *, limit: int) -> list[StandingPoint]:
    """What was noted of a revision, oldest first; of more than `limit` the newest."""
    query = (
        select(StandingRow.at, StandingRow.counts)
        .where(StandingRow.project_id == project_id, StandingRow.sequence == sequence)
        .order_by(col(StandingRow.at).desc())
        .limit(limit)
    )
    return [
        StandingPoint(at=at, counts={StandingClass(name): count for name, count in json.loads(counts).items()})
        for at, counts in reversed(session.exec(query).all())
    ]

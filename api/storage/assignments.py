"""Assignments: what each envoy is to be now (`targets`), and what it was told to be before (`assignments`).

A target carries the signed text and the sealed secrets, for one that connects; the history only what a late report is
checked against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import sqlalchemy as sa
from sqlalchemy import text as sql
from sqlmodel import Field, Session

from api.storage import bulk
from api.storage.rows import MAX_PAGE, ProjectRow, big, micros, text

KEEP: Final = 500
"""Assignments of one envoy that are remembered: a report under an older one than these is refused."""


class TargetRow(ProjectRow, table=True):
    """What one envoy is to be now."""

    __tablename__ = "targets"

    envoy_id: str = Field(foreign_key="envoys.id", primary_key=True, max_length=36)
    epoch: int = big(nullable=False)
    generation: int = big(nullable=False)
    sha256: str = Field(max_length=64)
    commit_id: str = Field(max_length=64)
    catalog_sha256: str = Field(max_length=64)
    plan_root: str = Field(max_length=64)
    profile: str = text(nullable=False)
    environment: str = Field(max_length=128)
    signed: str = text(nullable=False)
    """JSON of the signed assignment."""
    sealed: str = text(nullable=False)
    """JSON of the sealed secrets; empty when the catalog names none."""
    secrets_key: str = Field(max_length=64)
    """Digest of the versions of its secrets that were sealed; empty when it names none."""
    created_at: int = micros()
    expires_at: int = micros()


class AssignmentRow(ProjectRow, table=True):
    """One assignment that was made."""

    __tablename__ = "assignments"

    envoy_id: str = Field(foreign_key="envoys.id", primary_key=True, max_length=36)
    epoch: int = big(primary_key=True)
    generation: int = big(primary_key=True)
    sha256: str = Field(max_length=64)
    commit_id: str = Field(max_length=64)
    catalog_sha256: str = Field(max_length=64)
    created_at: int = micros()


class EpochRow(ProjectRow, table=True):
    """The epoch of a project: bumped by an operator after a restore, so that agents accept lower generations again."""

    __tablename__ = "epochs"

    project_id: str = Field(foreign_key="projects.id", primary_key=True, max_length=36)
    epoch: int = big(nullable=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """What one envoy is to be, as stored: the fields of its row."""

    envoy_id: str
    epoch: int
    generation: int
    sha256: str
    commit_id: str
    catalog_sha256: str
    plan_root: str
    profile: str
    environment: str
    signed: str
    sealed: str
    secrets_key: str
    created_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Brief:
    """Of a target, what a list of envoys shows."""

    epoch: int
    generation: int
    sha256: str
    commit_id: str
    catalog_sha256: str
    environment: str


_COLUMNS: Final = tuple(Stored.__dataclass_fields__)
_FIND: Final = (
    f"SELECT {', '.join(f't.{name}' for name in _COLUMNS)} FROM asked CROSS JOIN targets t "  # noqa: S608 - as below
    "WHERE t.envoy_id = asked.a AND t.project_id = ?"
)
# Both databases know this form of "insert or update".
_PUT: Final = (
    f"INSERT INTO targets ({', '.join(_COLUMNS)}, project_id) "  # noqa: S608 - our own column names
    f"VALUES ({', '.join('?' * len(_COLUMNS))}, ?) "
    f"ON CONFLICT (envoy_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[1:])}"
)
_ORDERS: Final = (
    "SELECT t.envoy_id, t.epoch, t.generation FROM asked CROSS JOIN targets t "
    "WHERE t.envoy_id = asked.a AND t.project_id = ?"
)
_REMEMBERED: Final = ("envoy_id", "epoch", "generation", "sha256", "commit_id", "catalog_sha256", "created_at")
_DIGESTS: Final = (
    "SELECT g.envoy_id, g.epoch, g.generation, g.sha256 FROM asked CROSS JOIN assignments g "
    "WHERE g.envoy_id = asked.a AND g.epoch = asked.b AND g.generation = asked.c AND g.project_id = ?"
)
_FORGET: Final = "DELETE FROM assignments WHERE envoy_id = ? AND epoch = ? AND generation <= ?"
_row: Final = attrgetter(*_COLUMNS)
_remembered: Final = attrgetter(*_REMEMBERED)


def epoch(session: Session, project_id: str) -> int:
    """The epoch of a project; 1 unless an operator has bumped it."""
    row = session.get(EpochRow, project_id)
    return 1 if row is None else row.epoch


def put(session: Session, project_id: str, stored: Sequence[Stored]) -> None:
    """Store new assignments: each becomes its envoy's target and is remembered. The same number twice is a conflict."""
    remembered = [(*_remembered(one), project_id) for one in stored]
    bulk.insert(session, AssignmentRow.__table__, (*_REMEMBERED, "project_id"), remembered)  # type: ignore[attr-defined]
    bulk.execute(session, _PUT, [(*_row(one), project_id) for one in stored])
    old = [(one.envoy_id, one.epoch, one.generation - KEEP) for one in stored if one.generation > KEEP]
    bulk.execute(session, _FORGET, old)


def forget(session: Session, project_id: str, envoy_id: str) -> None:
    """Drop what an envoy was to be, and the secrets sealed to it: nobody will ever ask for them again."""
    session.connection().execute(
        sql("DELETE FROM targets WHERE project_id = :project_id AND envoy_id = :envoy_id"),
        {"project_id": project_id, "envoy_id": envoy_id},
    )


def find_all(session: Session, project_id: str, envoy_ids: Sequence[str]) -> dict[str, Stored]:
    """What each of these envoys is to be now, where it was ever assigned anything."""
    found = bulk.among(session, _FIND, [(envoy_id,) for envoy_id in envoy_ids], project_id)
    return {row[0]: Stored(*row) for row in found}


def orders(session: Session, project_id: str, envoy_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """(Epoch, generation) of what these envoys are to be."""
    found = bulk.among(session, _ORDERS, [(envoy_id,) for envoy_id in envoy_ids], project_id)
    return {row[0]: (row[1], row[2]) for row in found}


def briefs(session: Session, project_id: str, envoy_ids: Sequence[str]) -> dict[str, Brief]:
    """What these envoys are to be, without the texts."""
    targets = TargetRow.__table__  # type: ignore[attr-defined]
    found: dict[str, Brief] = {}
    for start in range(0, len(envoy_ids), MAX_PAGE):
        query = sa.select(
            targets.c.envoy_id,
            targets.c.epoch,
            targets.c.generation,
            targets.c.sha256,
            targets.c.commit_id,
            targets.c.catalog_sha256,
            targets.c.environment,
        ).where(targets.c.project_id == project_id, targets.c.envoy_id.in_(envoy_ids[start : start + MAX_PAGE]))
        found |= {row[0]: Brief(*row[1:]) for row in session.connection().execute(query)}
    return found


def digests(
    session: Session, project_id: str, numbers: Sequence[tuple[str, int, int]]
) -> dict[tuple[str, int, int], str]:
    """(Envoy, epoch, generation) → digest of the assignment that the envoy was given under this number, if it was."""
    found = bulk.among(session, _DIGESTS, numbers, project_id)
    return {(row[0], row[1], row[2]): row[3] for row in found}

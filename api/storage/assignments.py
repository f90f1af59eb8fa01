"""Assignments: what each envoy is to be now (`targets`), and what it was told to be before (`assignments`).

A target carries the signed text and the sealed secrets, for one that connects; the history only what a late report is
checked against.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy import text as sql
from sqlmodel import Field, Session, select

from api.storage.envoys import EnvoyRow
from api.storage.rows import MAX_PAGE, ProjectRow, big, micros, text

KEEP: Final = 500
"""Assignments of one envoy that are remembered: a report under an older one than these is refused."""


class TargetRow(ProjectRow, table=True):
    """What one envoy is to be now; generation 0 while it was never assigned anything."""

    __tablename__ = "targets"

    envoy_id: str = Field(foreign_key="envoys.id", primary_key=True, max_length=36)
    epoch: int = big(nullable=False)
    generation: int = big(nullable=False)
    sha256: str = Field(max_length=64)
    commit_id: str = Field(max_length=64)
    catalog_sha256: str = Field(max_length=64)
    sealed_sha256: str = Field(max_length=64)
    plan_root: str = Field(max_length=64)
    profile: str = text(nullable=False)
    environment: str = Field(max_length=128)
    signed: str = text(nullable=False)
    """JSON of the signed assignment."""
    sealed: str = text(nullable=False)
    """JSON of the sealed secrets; empty when the catalog names none."""
    secret_versions: str = text(nullable=False)
    """Which versions of its secrets were sealed: canonical JSON of name → version."""
    created_at: int = micros()
    expires_at: int = micros()
    stalled: str = text(nullable=False)


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
class Assigned:
    """What one envoy is to be, as stored."""

    envoy_id: str
    epoch: int
    generation: int
    sha256: str
    commit_id: str
    catalog_sha256: str
    sealed_sha256: str
    plan_root: str
    profile: str
    environment: str
    signed: str
    sealed: str
    secret_versions: str
    created_at: int
    expires_at: int
    stalled: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """One live envoy with what it is to be, for the loop: without the texts."""

    envoy_id: str
    hostname: str
    x25519: str
    epoch: int
    generation: int
    commit_id: str
    catalog_sha256: str
    plan_root: str
    profile: str
    secret_versions: str
    expires_at: int
    stalled: str


_COLUMNS: Final = tuple(Assigned.__dataclass_fields__)
# Both databases know this form of "insert or update".
_PUT: Final = sql(
    f"INSERT INTO targets (project_id, {', '.join(_COLUMNS)}) "  # noqa: S608 - our own column names
    f"VALUES (:project_id, {', '.join(':' + name for name in _COLUMNS)}) "
    f"ON CONFLICT (envoy_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[1:])}"
)
_REMEMBER: Final = sql(
    "INSERT INTO assignments (project_id, envoy_id, epoch, generation, sha256, commit_id, catalog_sha256, created_at) "
    "VALUES (:project_id, :envoy_id, :epoch, :generation, :sha256, :commit_id, :catalog_sha256, :created_at)"
)
_FORGET: Final = sql("DELETE FROM assignments WHERE envoy_id = :envoy_id AND epoch = :epoch AND generation <= :last")
_STALL: Final = sql("UPDATE targets SET stalled = :stalled WHERE envoy_id = :envoy_id AND project_id = :project_id")
_STALL_FIRST: Final = sql(
    "INSERT INTO targets (project_id, envoy_id, epoch, generation, sha256, commit_id, catalog_sha256, sealed_sha256, "
    "plan_root, profile, environment, signed, sealed, secret_versions, created_at, expires_at, stalled) "
    "VALUES (:project_id, :envoy_id, 0, 0, '', '', '', '', '', '', '', '', '', '', 0, 0, :stalled) "
    "ON CONFLICT (envoy_id) DO NOTHING"
)


def epoch(session: Session, project_id: str) -> int:
    """The epoch of a project; 1 unless an operator has bumped it."""
    row = session.get(EpochRow, project_id)
    return 1 if row is None else row.epoch


def put(session: Session, project_id: str, assigned: Sequence[Assigned]) -> None:
    """Store new assignments: each becomes its envoy's target and is remembered. Ends any stall."""
    if not assigned:
        return
    connection = session.connection()
    values = [{**asdict(one), "project_id": project_id, "last": one.generation - KEEP} for one in assigned]
    connection.execute(_PUT, values)
    connection.execute(_REMEMBER, values)
    old = [value for value in values if value["last"] > 0]
    if old:
        connection.execute(_FORGET, old)


def stall(session: Session, project_id: str, reasons: Iterable[tuple[str, str]]) -> None:
    """Remember why these envoys get no newer assignment (envoy id, reason); an empty reason ends it."""
    values = [{"project_id": project_id, "envoy_id": envoy_id, "stalled": reason} for envoy_id, reason in reasons]
    if values:
        session.connection().execute(_STALL_FIRST, values)
        session.connection().execute(_STALL, values)


def find(session: Session, project_id: str, envoy_id: str) -> Assigned | None:
    """What an envoy is to be now; None while it was never assigned anything."""
    query = select(TargetRow).where(TargetRow.project_id == project_id, TargetRow.envoy_id == envoy_id)
    row = session.exec(query).first()
    if row is None or row.generation == 0:
        return None
    return Assigned(**{name: getattr(row, name) for name in _COLUMNS})


def forget(session: Session, project_id: str, envoy_id: str) -> None:
    """Drop what an envoy was to be, and the secrets sealed to it: nobody will ever ask for them again."""
    session.connection().execute(
        sql("DELETE FROM targets WHERE project_id = :project_id AND envoy_id = :envoy_id"),
        {"project_id": project_id, "envoy_id": envoy_id},
    )


def sha256_of(session: Session, project_id: str, envoy_id: str, *, epoch: int, generation: int) -> str | None:
    """The digest of the assignment that an envoy was given under this number; None when there was none."""
    row = session.get(AssignmentRow, (envoy_id, epoch, generation))
    return row.sha256 if row is not None and row.project_id == project_id else None


def standings(session: Session, project_id: str, *, after: str = "", limit: int = MAX_PAGE) -> list[Standing]:
    """Live envoys with what each is to be, by id, from behind `after` on."""
    envoys, targets = EnvoyRow.__table__, TargetRow.__table__  # type: ignore[attr-defined]
    query = (
        sa.select(
            envoys.c.id,
            envoys.c.hostname,
            envoys.c.x25519,
            targets.c.epoch,
            targets.c.generation,
            targets.c.commit_id,
            targets.c.catalog_sha256,
            targets.c.plan_root,
            targets.c.profile,
            targets.c.secret_versions,
            targets.c.expires_at,
            targets.c.stalled,
        )
        .select_from(envoys.outerjoin(targets, targets.c.envoy_id == envoys.c.id))
        .where(envoys.c.project_id == project_id, envoys.c.revoked_at.is_(None), envoys.c.id > after)
        .order_by(envoys.c.id)
        .limit(limit)
    )
    return [
        Standing(
            envoy_id=row.id,
            hostname=row.hostname,
            x25519=row.x25519,
            epoch=row.epoch or 0,
            generation=row.generation or 0,
            commit_id=row.commit_id or "",
            catalog_sha256=row.catalog_sha256 or "",
            plan_root=row.plan_root or "",
            profile=row.profile or "",
            secret_versions=row.secret_versions or "",
            expires_at=row.expires_at or 0,
            stalled=row.stalled or "",
        )
        for row in session.connection().execute(query)
    ]


@dataclass(frozen=True, slots=True)
class Brief:
    """Of a target, what a list of envoys shows."""

    epoch: int
    generation: int
    sha256: str
    commit_id: str
    environment: str
    stalled: str


def briefs(session: Session, project_id: str, envoy_ids: Sequence[str]) -> dict[str, Brief]:
    """The targets of these envoys."""
    targets = TargetRow.__table__  # type: ignore[attr-defined]
    found: dict[str, Brief] = {}
    for start in range(0, len(envoy_ids), MAX_PAGE):
        query = sa.select(
            targets.c.envoy_id,
            targets.c.epoch,
            targets.c.generation,
            targets.c.sha256,
            targets.c.commit_id,
            targets.c.environment,
            targets.c.stalled,
        ).where(targets.c.project_id == project_id, targets.c.envoy_id.in_(envoy_ids[start : start + MAX_PAGE]))
        found |= {row[0]: Brief(*row[1:]) for row in session.connection().execute(query)}
    return found

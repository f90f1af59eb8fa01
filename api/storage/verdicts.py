"""Verdicts: the words that each host had last, and how they went from one to another. Bounded for each host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Index
from sqlmodel import Field, Session

from api.storage.envoys import EnvoyRow
from api.storage.rows import MAX_PAGE, ProjectRow, big, micros

KEEP: Final = 200
"""Transitions of one envoy that are kept, however many there were: a host that flaps fills no disk."""


class VerdictRow(ProjectRow, table=True):
    """The words of one envoy, as they were noted last."""

    __tablename__ = "verdicts"

    envoy_id: str = Field(foreign_key="envoys.id", primary_key=True, max_length=36)
    convergence: str = Field(max_length=16)
    drift: str = Field(max_length=16)
    reachability: str = Field(max_length=16)
    since: int = micros()
    """When the first of the three became what it is last."""
    number: int = big(nullable=False)
    """Transitions there were so far."""


class TransitionRow(ProjectRow, table=True):
    """One word of one envoy that became another."""

    __tablename__ = "transitions"
    __table_args__ = (Index(None, "project_id", "at"),)

    envoy_id: str = Field(foreign_key="envoys.id", primary_key=True, max_length=36)
    number: int = big(primary_key=True)
    at: int = micros()
    kind: str = Field(max_length=16)
    before: str = Field(max_length=16)
    """Empty: it is the first."""
    after: str = Field(max_length=16)


class Words(NamedTuple):
    """The three words of one envoy."""

    convergence: str
    drift: str
    reachability: str


class Noted(NamedTuple):
    """Words that were noted."""

    words: Words
    since: int
    number: int


class Transition(NamedTuple):
    """One word that became another."""

    envoy_id: str
    number: int
    at: int
    kind: str
    before: str
    after: str


def noted(session: Session, project_id: str) -> dict[str, Noted]:
    """What was noted last of each envoy that is live, by id."""
    table, envoys = VerdictRow.__table__, EnvoyRow.__table__  # type: ignore[attr-defined]
    query = (
        sa.select(
            table.c.envoy_id, table.c.convergence, table.c.drift, table.c.reachability, table.c.since, table.c.number
        )
        .join(envoys, envoys.c.id == table.c.envoy_id)
        .where(table.c.project_id == project_id, envoys.c.revoked_at.is_(None))
    )
    return {row[0]: Noted(Words(row[1], row[2], row[3]), row[4], row[5]) for row in session.connection().execute(query)}


def note(
    session: Session, project_id: str, found: Sequence[tuple[str, Noted]], transitions: Sequence[Transition]
) -> None:
    """Note words anew, with how they became so; of each of these envoys, the oldest transitions go beyond `KEEP`."""
    if not found:
        return
    connection = session.connection()
    connection.execute(
        sa.text(
            "INSERT INTO verdicts (project_id, envoy_id, convergence, drift, reachability, since, number) "
            "VALUES (:project, :envoy, :convergence, :drift, :reachability, :since, :number) "
            "ON CONFLICT (envoy_id) DO UPDATE SET convergence = excluded.convergence, drift = excluded.drift, "
            "reachability = excluded.reachability, since = excluded.since, number = excluded.number"
        ),
        [
            {"project": project_id, "envoy": envoy_id, "since": each.since, "number": each.number}
            | each.words._asdict()
            for envoy_id, each in found
        ],
    )
    table = TransitionRow.__table__  # type: ignore[attr-defined]
    if transitions:
        connection.execute(table.insert(), [{"project_id": project_id} | each._asdict() for each in transitions])
    connection.execute(
        table.delete().where(
            table.c.envoy_id == sa.bindparam("envoy"), table.c.number <= sa.bindparam("number", type_=sa.BigInteger)
        ),
        [{"envoy": envoy_id, "number": each.number - KEEP} for envoy_id, each in found],
    )


def find(session: Session, project_id: str, envoy_id: str) -> Noted | None:
    """What was noted last of one envoy."""
    table = VerdictRow.__table__  # type: ignore[attr-defined]
    query = sa.select(table.c.convergence, table.c.drift, table.c.reachability, table.c.since, table.c.number).where(
        table.c.project_id == project_id, table.c.envoy_id == envoy_id
    )
    row = session.connection().execute(query).first()
    return None if row is None else Noted(Words(row[0], row[1], row[2]), row[3], row[4])


def page(
    session: Session, project_id: str, envoy_id: str, *, before: int | None = None, limit: int = MAX_PAGE
) -> list[Transition]:
    """Transitions of one envoy, the newest first, of a lower number than `before`."""
    table = TransitionRow.__table__  # type: ignore[attr-defined]
    query = _columns().where(table.c.project_id == project_id, table.c.envoy_id == envoy_id)
    if before is not None:
        query = query.where(table.c.number < before)
    found = session.connection().execute(query.order_by(table.c.number.desc()).limit(min(limit, MAX_PAGE)))
    return [_transition(row) for row in found]


def between(session: Session, project_id: str, *, start: int, end: int) -> Iterator[Transition]:
    """Transitions of all envoys at `start` or later and before `end`, each envoy's in their order."""
    table = TransitionRow.__table__  # type: ignore[attr-defined]
    query = _columns().where(table.c.project_id == project_id, table.c.at >= start, table.c.at < end)
    for row in session.connection().execute(query.order_by(table.c.envoy_id, table.c.number)):
        yield _transition(row)


def hostnames(session: Session, project_id: str, envoy_ids: Sequence[str]) -> dict[str, str]:
    """Id → hostname of these envoys."""
    envoys = EnvoyRow.__table__  # type: ignore[attr-defined]
    found: dict[str, str] = {}
    for start in range(0, len(envoy_ids), MAX_PAGE):
        query = sa.select(envoys.c.id, envoys.c.hostname).where(
            envoys.c.project_id == project_id, envoys.c.id.in_(envoy_ids[start : start + MAX_PAGE])
        )
        found |= {row[0]: row[1] for row in session.connection().execute(query)}
    return found


def forget(session: Session, project_id: str, *, before: int) -> None:
    """Let go of the transitions before a time."""
    table = TransitionRow.__table__  # type: ignore[attr-defined]
    session.connection().execute(table.delete().where(table.c.project_id == project_id, table.c.at < before))


def _transition(row: Any) -> Transition:
    return Transition(*row)


def _columns() -> sa.Select[tuple[str, int, int, str, str, str]]:
    table = TransitionRow.__table__  # type: ignore[attr-defined]
    return sa.select(table.c.envoy_id, table.c.number, table.c.at, table.c.kind, table.c.before, table.c.after)

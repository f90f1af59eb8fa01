"""The audit chain: rows and repository. Rows are added at the head and never changed.

`leaf` holds the exact bytes that are hashed; the columns beside it are an index over it for lists, and `verify` in the
service checks that they agree. The head row knows how long the chain is and how it ends, so that a cut tail is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy import select as core_select
from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError
from sqlmodel import Field, Session, col, func, insert, select

from api.storage.engines import fault_of
from api.storage.rows import MAX_PAGE, ProjectRow, big, micros, text
from schema.audit import GENESIS
from schema.errors import Unavailable

_CHAIN_LOCK = 0x61756469  # "audi"


class AuditRow(ProjectRow, table=True):
    """One entry."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        CheckConstraint("idx >= 0", name="idx"),
        UniqueConstraint("project_id", "prev_hash"),
        Index(None, "project_id", "kind", "idx"),
        Index(None, "project_id", "operator", "idx"),
        Index(None, "project_id", "actor_id", "idx"),
        Index(None, "project_id", "object_type", "object_id", "idx"),
        Index(None, "project_id", "time"),
    )

    project_id: str = Field(foreign_key="projects.id", max_length=36, primary_key=True)
    idx: int = big(primary_key=True)
    prev_hash: str = Field(max_length=64)
    hash: str = Field(max_length=64)
    leaf: str = text(nullable=False)
    time: int = micros()
    kind: str = Field(max_length=64)
    operator: str = Field(max_length=256)
    actor_id: str = Field(max_length=256)
    object_type: str = Field(max_length=64)
    object_id: str = Field(max_length=1024)


class PayloadRow(ProjectRow, table=True):
    """What stands apart of an entry, so that it can be erased one day while the chain still verifies."""

    __tablename__ = "audit_payloads"

    project_id: str = Field(foreign_key="projects.id", max_length=36, primary_key=True)
    idx: int = big(primary_key=True)
    body: str = text(nullable=False)


class HeadRow(ProjectRow, table=True):
    """Where the chain of a project ends."""

    __tablename__ = "audit_heads"
    __table_args__ = (CheckConstraint("size >= 0", name="size"),)

    project_id: str = Field(foreign_key="projects.id", max_length=36, primary_key=True)
    size: int = big(nullable=False)
    hash: str = Field(max_length=64)


class AuditUnavailable(Unavailable):
    """The audit log cannot be written."""

    code = "audit.unavailable"


class Head(NamedTuple):
    """How many entries, and the hash of the last."""

    size: int
    hash: str


class Entry(NamedTuple):
    """One entry as stored."""

    idx: int
    prev_hash: str
    hash: str
    leaf: str
    time: int
    kind: str
    operator: str
    actor_id: str
    object_type: str
    object_id: str
    payload: str | None


class Wanted(NamedTuple):
    """Which entries are looked for; None asks for nothing."""

    kind: str | None = None
    """The action, dotted or with underscores."""
    operator: str | None = None
    actor_id: str | None = None
    object_type: str | None = None
    object_id: str | None = None
    since: int | None = None
    """UTC microseconds, inclusive."""
    until: int | None = None
    """UTC microseconds, exclusive."""
    before: int | None = None
    """Only entries of a lower index."""


_ALL: Final = Wanted()


def kind_of(action: str) -> str:
    """The underscore form of an action, by which entries are looked for: `user.create` → `user_create`."""
    return action.replace(".", "_").replace("-", "_")


def head(session: Session, project_id: str) -> Head:
    """The end of the chain."""
    row = session.exec(select(HeadRow.size, HeadRow.hash).where(HeadRow.project_id == project_id)).first()
    return Head(0, GENESIS) if row is None else Head(*row)


def lock_head(session: Session, project_id: str) -> Head:
    """The end of the chain, and the right to extend it until the transaction ends."""
    if session.get_bind().dialect.name == "postgresql":
        # Other processes write as well. Two keys: the chain, and which project's.
        key = int.from_bytes(bytes.fromhex(project_id.replace("-", ""))[-4:], "big", signed=True)
        session.connection().execute(
            sql("SELECT pg_advisory_xact_lock(:chain, :key)"), {"chain": _CHAIN_LOCK, "key": key}
        )
    return head(session, project_id)


def append(session: Session, project_id: str, entries: Sequence[Entry]) -> None:
    """Add entries at the head; the caller has locked it and linked them.

    Raises:
        AuditUnavailable: they cannot be written, and so what they are about must not happen.
    """
    try:
        _append(session, project_id, entries)
    except DBAPIError as error:
        if fault_of(error) is not None:
            raise  # the whole database: the writer knows what that means
        raise AuditUnavailable("the audit log cannot be written, so nothing was changed") from error


def _append(session: Session, project_id: str, entries: Sequence[Entry]) -> None:
    last = entries[-1]
    session.execute(
        insert(AuditRow),
        [
            {
                "project_id": project_id,
                "idx": entry.idx,
                "prev_hash": entry.prev_hash,
                "hash": entry.hash,
                "leaf": entry.leaf,
                "time": entry.time,
                "kind": entry.kind,
                "operator": entry.operator,
                "actor_id": entry.actor_id,
                "object_type": entry.object_type,
                "object_id": entry.object_id,
            }
            for entry in entries
        ],
    )
    payloads = [{"project_id": project_id, "idx": e.idx, "body": e.payload} for e in entries if e.payload is not None]
    if payloads:
        session.execute(insert(PayloadRow), payloads)
    # Both databases know this form of "insert or update".
    session.connection().execute(
        sql(
            "INSERT INTO audit_heads (project_id, size, hash) VALUES (:project, :size, :hash) "
            "ON CONFLICT (project_id) DO UPDATE SET size = excluded.size, hash = excluded.hash"
        ),
        {"project": project_id, "size": last.idx + 1, "hash": last.hash},
    )


def page(session: Session, project_id: str, wanted: Wanted = _ALL, *, offset: int = 0, limit: int = 50) -> list[Entry]:
    """Entries, newest first, without payloads."""
    query = select(AuditRow).where(*_conditions(project_id, wanted)).order_by(col(AuditRow.idx).desc())
    rows = session.exec(query.offset(offset).limit(min(limit, MAX_PAGE)))
    return [
        Entry(
            r.idx, r.prev_hash, r.hash, r.leaf, r.time, r.kind, r.operator, r.actor_id, r.object_type, r.object_id, None
        )
        for r in rows
    ]


def stretch(session: Session, project_id: str, start: int, limit: int) -> list[Entry]:
    """Entries with payloads in chain order, from index `start` on: what verification walks over."""
    entries, payloads = AuditRow.__table__, PayloadRow.__table__  # type: ignore[attr-defined]
    query = (
        core_select(
            entries.c.idx,
            entries.c.prev_hash,
            entries.c.hash,
            entries.c.leaf,
            entries.c.time,
            entries.c.kind,
            entries.c.operator,
            entries.c.actor_id,
            entries.c.object_type,
            entries.c.object_id,
            payloads.c.body,
        )
        .select_from(
            entries.outerjoin(
                payloads, (payloads.c.project_id == entries.c.project_id) & (payloads.c.idx == entries.c.idx)
            )
        )
        .where(entries.c.project_id == project_id, entries.c.idx >= start)
        .order_by(entries.c.idx)
        .limit(limit)
    )
    return [Entry(*row) for row in session.connection().execute(query)]


def payload(session: Session, project_id: str, index: int) -> str | None:
    """The payload of an entry, in canonical form."""
    return session.exec(
        select(PayloadRow.body).where(PayloadRow.project_id == project_id, PayloadRow.idx == index)
    ).first()


def count(session: Session, project_id: str, wanted: Wanted = _ALL) -> int:
    """How many rows there are, whatever the head says."""
    query = select(func.count()).select_from(AuditRow).where(*_conditions(project_id, wanted))
    return session.exec(query).one()


def first_repeated(session: Session, project_id: str) -> int | None:
    """The lowest index that stands twice: in a table whose key somebody took away."""
    query = select(AuditRow.idx).where(AuditRow.project_id == project_id).group_by(col(AuditRow.idx))
    return session.exec(query.having(func.count() > 1).order_by(col(AuditRow.idx)).limit(1)).first()


def _conditions(project_id: str, wanted: Wanted) -> list[Any]:
    same = ("operator", "actor_id", "object_type", "object_id")
    found: list[Any] = [
        getattr(AuditRow, name) == value for name in same if (value := getattr(wanted, name)) is not None
    ]
    found.append(AuditRow.project_id == project_id)
    if wanted.kind is not None:
        found.append(AuditRow.kind == kind_of(wanted.kind))
    if wanted.since is not None:
        found.append(AuditRow.time >= wanted.since)
    if wanted.until is not None:
        found.append(AuditRow.time < wanted.until)
    if wanted.before is not None:
        found.append(AuditRow.idx < wanted.before)
    return found

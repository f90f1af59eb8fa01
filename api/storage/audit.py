"""The audit chain: rows and repository. Rows are added at the head and never changed.

`leaf` holds the exact bytes that are hashed; the columns beside it are an index over it for lists, and `verify` in the
service checks that they agree. The head row knows how long the chain is and how it ends, so that a cut tail is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.exc import DBAPIError
from sqlmodel import Field, Session, col, func, select

from api.storage.engines import fault_of
from api.storage.rows import MAX_PAGE, ProjectRow, big, micros, text
from schema.audit import GENESIS
from schema.errors import Unavailable


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
_COLUMNS: Final = ("project_id", *Entry._fields[:-1])
_SQL: Final = {
    "head": "SELECT size, hash FROM audit_heads WHERE project_id = ?",
    "entry": f"INSERT INTO audit_entries ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})",  # noqa: S608
    "payload": "INSERT INTO audit_payloads (project_id, idx, body) VALUES (?, ?, ?)",
    "stretch": f"SELECT {', '.join('e.' + name for name in _COLUMNS[1:])}, p.body FROM audit_entries AS e "  # noqa: S608
    "LEFT JOIN audit_payloads AS p ON p.project_id = e.project_id AND p.idx = e.idx "
    "WHERE e.project_id = ? AND e.idx >= ? ORDER BY e.idx LIMIT ?",
    # Both databases know this form of "insert or update".
    "end": "INSERT INTO audit_heads (project_id, size, hash) VALUES (?, ?, ?) "
    "ON CONFLICT (project_id) DO UPDATE SET size = excluded.size, hash = excluded.hash",
}


def kind_of(action: str) -> str:
    """The underscore form of an action, by which entries are looked for: `user.create` → `user_create`."""
    return action.replace(".", "_").replace("-", "_")


def head(session: Session, project_id: str) -> Head:
    """The end of the chain."""
    row = _run(session, "head", (project_id,)).first()
    return Head(0, GENESIS) if row is None else Head(row[0], row[1])


def append(session: Session, project_id: str, entries: Sequence[Entry]) -> None:
    """Add entries at the head; the caller has read it in this transaction and linked them.

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
    _run(session, "entry", [(project_id, *entry[:-1]) for entry in entries])
    payloads = [(project_id, entry.idx, entry.payload) for entry in entries if entry.payload is not None]
    if payloads:
        _run(session, "payload", payloads)
    _run(session, "end", (project_id, last.idx + 1, last.hash))


def _run(session: Session, name: str, values: tuple[Any, ...] | list[tuple[Any, ...]]) -> Any:
    """Run one of `_SQL` past SQLAlchemy's expressions: every change pays for these, and so pays less than half."""
    connection = session.connection()
    statement = _SQL[name] if connection.dialect.name == "sqlite" else _SQL[name].replace("?", "%s")
    return connection.exec_driver_sql(statement, values)


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
    cursor: Any = _run(session, "stretch", (project_id, start, limit)).cursor
    return [Entry._make(row) for row in cursor.fetchall()]


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

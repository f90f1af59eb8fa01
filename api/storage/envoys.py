"""Envoys: table and repository. One row per enrolment: a host enrolled anew is a new envoy, with nothing of the old."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Index
from sqlalchemy import text as sql
from sqlmodel import Field, Session, col, func, select, update

from api.storage import bulk
from api.storage.rows import MAX_PAGE, ProjectRow, Row, micros, text
from reconciler.convergence import MAX_CADENCE, MIN_CADENCE, SAME_VISIT, USUAL_CADENCE
from schema.ids import EnvoyId
from schema.protocol.reports import RunStatus

_LIVE: Final[Any] = {"sqlite_where": sql("revoked_at IS NULL"), "postgresql_where": sql("revoked_at IS NULL")}


class EnvoyRow(ProjectRow, table=True):
    """One managed host: who it is, when it was heard, and how its last run ended."""

    __tablename__ = "envoys"
    __table_args__ = (
        Index(None, "project_id", "hostname", "id"),
        Index("ix_envoys_live_last_seen", "project_id", "last_seen_at", "id", **_LIVE),
        Index("ix_envoys_live_enrolled", "project_id", "enrolled_at", "id", **_LIVE),
        Index(
            "uq_envoys_live_hostname",
            "project_id",
            "hostname",
            unique=True,
            **_LIVE,
        ),
    )

    id: str = Field(primary_key=True, max_length=36)
    hostname: str = Field(max_length=253)
    ed25519: str = Field(max_length=64)
    x25519: str = Field(max_length=64)
    enrolled_at: int = micros()
    revoked_at: int | None = micros(nullable=True, default=None)
    last_seen_at: int | None = micros(nullable=True, default=None)
    ip_address: str = Field(default="", max_length=64)
    agent_version: str = Field(default="", max_length=64)
    run_id: str | None = Field(default=None, max_length=36, nullable=True)
    run_started_at: int | None = micros(nullable=True, default=None)
    run_status: str = Field(default="", max_length=16)
    run_catalog_sha256: str = Field(default="", max_length=64)
    run_stale: bool = Field(default=False)
    run_unchanged: int = Field(default=0)
    run_changed: int = Field(default=0)
    run_failed: int = Field(default=0)
    run_corrective: int = Field(default=0)
    refusal: str = text(default="", nullable=False)
    cadence_us: int | None = micros(nullable=True, default=None)


class LastRun(NamedTuple):
    """How an envoy's newest run ended: what `reconciler.convergence` judges by."""

    run_id: str
    started_at: int
    status: RunStatus
    catalog_sha256: str
    stale: bool
    unchanged: int
    changed: int
    failed: int
    corrective: int


@dataclass(frozen=True, slots=True)
class Known:
    """One envoy as stored."""

    id: EnvoyId
    hostname: str
    ed25519: str
    x25519: str
    enrolled_at: int
    revoked_at: int | None = None
    last_seen_at: int | None = None
    ip_address: str = ""
    agent_version: str = ""
    run: LastRun | None = None
    refusal: str = ""
    """Why it did not accept its assignment; empty when it did."""
    cadence: int | None = None
    """How often it is heard, microseconds: see `reconciler.convergence.learnt`."""


_KEYS: Final = "SELECT e.id, e.ed25519 FROM asked CROSS JOIN envoys e WHERE e.id = asked.a AND e.project_id = ?"
_SEALING_KEYS: Final = f"{_KEYS.replace('ed25519', 'x25519')} AND e.revoked_at IS NULL"


_LAST: Final = chr(0x10FFFF)


class Order(StrEnum):
    """How envoys are listed."""

    HOSTNAME = "hostname"
    LAST_SEEN = "last_seen"
    """Whoever was heard last is first."""
    ENROLLED = "enrolled"
    """The newest first."""


class Place(NamedTuple):
    """One envoy's place in an order."""

    key: str | int | None
    """Its hostname, or the time that it is listed by."""
    id: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which envoys a list is of, as far as the database can tell."""

    include_revoked: bool = False
    prefix: str = ""
    """What its hostname begins with."""
    glob: str = ""
    """What its hostname is: `*` for any letters, `?` for one, and no other wildcard."""
    environment: str | None = None
    """Of what it was assigned last."""
    tag: str | None = None
    agent_version: str | None = None
    seen_since: int | None = None
    seen_until: int | None = None
    """Heard before, or never."""


def add(session: Session, project_id: str, envoy: Known) -> None:
    """Store a new envoy. A second live one of its hostname violates the table."""
    session.add(
        EnvoyRow(
            project_id=project_id,
            id=envoy.id,
            hostname=envoy.hostname,
            ed25519=envoy.ed25519,
            x25519=envoy.x25519,
            enrolled_at=envoy.enrolled_at,
        )
    )
    session.flush()


def find(session: Session, project_id: str, envoy_id: str) -> Known | None:
    """The envoy of this id."""
    query = select(EnvoyRow).where(EnvoyRow.project_id == project_id, EnvoyRow.id == envoy_id)
    row = session.exec(query).first()
    return None if row is None else _known(row)


def find_by_hostname(session: Session, project_id: str, hostname: str) -> Known | None:
    """The envoy of this hostname that is live, else the one revoked last."""
    query = (
        select(EnvoyRow)
        .where(EnvoyRow.project_id == project_id, EnvoyRow.hostname == hostname)
        .order_by(col(EnvoyRow.revoked_at).is_(None).desc(), col(EnvoyRow.enrolled_at).desc())
    )
    row = session.exec(query.limit(1)).first()
    return None if row is None else _known(row)


def page(session: Session, project_id: str, *, include_revoked: bool, offset: int, limit: int) -> list[Known]:
    """One page by hostname."""
    table = EnvoyRow.__table__  # type: ignore[attr-defined]
    chosen = _chosen(Wanted(include_revoked=include_revoked), project_id, sqlite=False)
    query = sa.select(*_columns()).where(*chosen).order_by(table.c.hostname, table.c.id).offset(offset).limit(limit)
    return [_known(row) for row in session.connection().execute(query)]


def total(session: Session, project_id: str, *, include_revoked: bool) -> int:
    """How many there are: a look at all of an index."""
    chosen = _chosen(Wanted(include_revoked=include_revoked), project_id, sqlite=False)
    counting = sa.select(func.count()).select_from(EnvoyRow.__table__).where(*chosen)  # type: ignore[attr-defined]
    return int(session.connection().execute(counting).scalar_one())


def behind(
    session: Session, project_id: str, wanted: Wanted, order: Order, *, after: Place | None, limit: int
) -> list[Known]:
    """Envoys that are wanted, in this order and then by id, from behind `after` on."""
    table = EnvoyRow.__table__  # type: ignore[attr-defined]
    connection = session.connection()
    chosen = _chosen(wanted, project_id, sqlite=connection.dialect.name == "sqlite")
    query = sa.select(*_columns()).where(*chosen)
    if order is Order.HOSTNAME:
        query = query.order_by(table.c.hostname, table.c.id)
        if after is not None:
            query = query.where(sa.tuple_(table.c.hostname, table.c.id) > sa.tuple_(after.key, after.id))
        return [_known(row) for row in connection.execute(query.limit(limit))]
    # Newest first; those without a time are last, in a query of their own: so that an index serves either.
    column = table.c.last_seen_at if order is Order.LAST_SEEN else table.c.enrolled_at
    found: list[Known] = []
    if after is None or after.key is not None:
        timed = query.where(column.is_not(None)).order_by(column.desc(), table.c.id.desc())
        if after is not None:
            timed = timed.where(sa.tuple_(column, table.c.id) < sa.tuple_(after.key, after.id))
        found = [_known(row) for row in connection.execute(timed.limit(limit))]
    if len(found) < limit and order is Order.LAST_SEEN:
        silent = query.where(column.is_(None)).order_by(table.c.id.desc())
        if after is not None and after.key is None:
            silent = silent.where(table.c.id < after.id)
        found += [_known(row) for row in connection.execute(silent.limit(limit - len(found)))]
    return found


def _chosen(wanted: Wanted, project_id: str, *, sqlite: bool) -> list[Any]:
    table = EnvoyRow.__table__  # type: ignore[attr-defined]
    chosen = [table.c.project_id == project_id]
    if not wanted.include_revoked:
        chosen.append(table.c.revoked_at.is_(None))
    if wanted.prefix and sqlite:
        chosen += [table.c.hostname >= wanted.prefix, table.c.hostname < wanted.prefix + _LAST]
    elif wanted.prefix:
        chosen.append(table.c.hostname.startswith(wanted.prefix, autoescape=True))
    if wanted.glob and sqlite:
        chosen.append(table.c.hostname.op("GLOB")(wanted.glob))
    elif wanted.glob:
        chosen.append(table.c.hostname.like(_like(wanted.glob), escape="\\"))
    if wanted.agent_version is not None:
        chosen.append(table.c.agent_version == wanted.agent_version)
    if wanted.seen_since is not None:
        chosen.append(table.c.last_seen_at >= wanted.seen_since)
    if wanted.seen_until is not None:
        chosen.append(sa.or_(table.c.last_seen_at < wanted.seen_until, table.c.last_seen_at.is_(None)))
    tags, targets = Row.metadata.tables["tags"], Row.metadata.tables["targets"]
    if wanted.tag is not None:
        same = (tags.c.project_id == project_id) & (tags.c.hostname == table.c.hostname) & (tags.c.tag == wanted.tag)
        chosen.append(sa.exists().where(same))
    if wanted.environment is not None:
        chosen.append(
            sa.exists().where((targets.c.envoy_id == table.c.id) & (targets.c.environment == wanted.environment))
        )
    return chosen


def _like(glob: str) -> str:
    """A glob as SQL's LIKE has it."""
    escaped = glob.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%").replace("?", "_")


def _columns() -> list[Any]:
    return [column for column in EnvoyRow.__table__.c if column.name != "project_id"]  # type: ignore[attr-defined]


def live(session: Session, project_id: str, *, after: str = "", limit: int = MAX_PAGE) -> list[Known]:
    """Envoys that are not revoked, by id, from behind `after` on: what the loop walks over."""
    query = (
        select(EnvoyRow)
        .where(EnvoyRow.project_id == project_id, col(EnvoyRow.revoked_at).is_(None), col(EnvoyRow.id) > after)
        .order_by(EnvoyRow.id)
        .limit(limit)
    )
    return [_known(row) for row in session.exec(query)]


def live_ids(session: Session, project_id: str, *, after: str = "", limit: int = 10 * MAX_PAGE) -> list[str]:
    """Ids of live envoys, in order, from behind `after` on."""
    query = (
        select(EnvoyRow.id)
        .where(EnvoyRow.project_id == project_id, col(EnvoyRow.revoked_at).is_(None), col(EnvoyRow.id) > after)
        .order_by(EnvoyRow.id)
        .limit(limit)
    )
    return list(session.connection().execute(query).scalars())


def revoke(session: Session, project_id: str, envoy_id: str, *, now: int) -> None:
    """Revoke an envoy; one that is revoked stays as it is."""
    session.exec(
        update(EnvoyRow)
        .where(col(EnvoyRow.project_id) == project_id, col(EnvoyRow.id) == envoy_id, col(EnvoyRow.revoked_at).is_(None))
        .values(revoked_at=now)
    )


def saw(session: Session, project_id: str, sightings: Iterable[tuple[str, int, str, str]]) -> None:
    """Remember (id, time, address, agent version) of envoys that were heard, and learn how often each is."""
    bulk.among(session, _SAW, list(sightings), project_id)


def _learnt(cadence: str, gap: str) -> str:
    """`reconciler.convergence.learnt`, as the database computes it for many in one statement."""
    usual = f"COALESCE({cadence}, {USUAL_CADENCE})"
    longest = f"CASE WHEN {gap} > 4 * {usual} THEN 4 * {usual} ELSE {gap} END"
    moved = (
        f"CASE WHEN {gap} > {usual} THEN {usual} + ({longest} - {usual}) / 4 ELSE {usual} - ({usual} - {gap}) / 8 END"
    )
    bounded = (
        f"CASE WHEN {moved} < {MIN_CADENCE} THEN {MIN_CADENCE}"
        f" WHEN {moved} > {MAX_CADENCE} THEN {MAX_CADENCE} ELSE {moved} END"
    )
    return f"CASE WHEN {gap} >= {SAME_VISIT} THEN {bounded} ELSE {cadence} END"


_SAW: Final = f"""
    UPDATE envoys SET last_seen_at = b, ip_address = c, agent_version = d,
    cadence_us = {_learnt("cadence_us", "(b - last_seen_at)")}
    FROM asked WHERE id = a AND project_id = ?
"""  # noqa: S608 - of our own numbers


def set_refusal(session: Session, project_id: str, envoy_id: str, refusal: str) -> None:
    """Remember why an envoy did not accept its assignment; empty when it did."""
    session.exec(
        update(EnvoyRow)
        .where(col(EnvoyRow.project_id) == project_id, col(EnvoyRow.id) == envoy_id)
        .values(refusal=refusal)
    )


def sealing_keys(session: Session, project_id: str, envoy_ids: Sequence[str]) -> Mapping[str, str]:
    """Hex of the X25519 key of each of these envoys that is live."""
    found = bulk.among(session, _SEALING_KEYS, [(envoy_id,) for envoy_id in envoy_ids], project_id)
    return {row[0]: row[1] for row in found}


def keys_of_receipts(session: Session, project_id: str, envoy_ids: Sequence[str]) -> dict[str, str]:
    """Hex of the Ed25519 key of each of these envoys."""
    found = bulk.among(session, _KEYS, [(envoy_id,) for envoy_id in envoy_ids], project_id)
    return {row[0]: row[1] for row in found}


def last_runs(
    session: Session, project_id: str, ids: Sequence[str] | None = None
) -> list[tuple[str, str, int | None, LastRun | None, int | None]]:
    """(Id, hostname, when it was heard last, its newest run, its cadence) of each live envoy, or of those of these ids
    that are, for counting."""
    table = EnvoyRow.__table__  # type: ignore[attr-defined]
    query = sa.select(
        table.c.id,
        table.c.hostname,
        table.c.last_seen_at,
        table.c.cadence_us,
        table.c.run_id,
        table.c.run_started_at,
        table.c.run_status,
        table.c.run_catalog_sha256,
        table.c.run_stale,
        table.c.run_unchanged,
        table.c.run_changed,
        table.c.run_failed,
        table.c.run_corrective,
    ).where(table.c.project_id == project_id, table.c.revoked_at.is_(None))
    if ids is None:
        queries = [query]
    else:
        some = (ids[start : start + bulk.MOST] for start in range(0, len(ids), bulk.MOST))
        queries = [query.where(table.c.id.in_(stretch)) for stretch in some]
    connection = session.connection()
    # By place, and without the names of columns: a fleet is many rows.
    return [
        (envoy_id, hostname, seen, _run(*run), cadence)
        for each in queries
        for envoy_id, hostname, seen, cadence, *run in connection.execute(each)
    ]


def hostnames(session: Session, project_id: str) -> list[str]:
    """The names of all live envoys, in order."""
    query = (
        select(EnvoyRow.hostname)
        .where(EnvoyRow.project_id == project_id, col(EnvoyRow.revoked_at).is_(None))
        .order_by(EnvoyRow.hostname)
    )
    return list(session.connection().execute(query).scalars())  # the mapper's own way takes twice as long


def receipt_keys(session: Session, project_id: str, *, after: str = "", limit: int = MAX_PAGE) -> list[tuple[str, str]]:
    """(Hostname, hex of the Ed25519 key) of live envoys, by hostname, from behind `after` on."""
    query = (
        select(EnvoyRow.hostname, EnvoyRow.ed25519)
        .where(EnvoyRow.project_id == project_id, col(EnvoyRow.revoked_at).is_(None), col(EnvoyRow.hostname) > after)
        .order_by(EnvoyRow.hostname)
        .limit(limit)
    )
    return [(hostname, key) for hostname, key in session.exec(query)]


def _known(row: Any) -> Known:
    return Known(
        id=row.id,
        hostname=row.hostname,
        ed25519=row.ed25519,
        x25519=row.x25519,
        enrolled_at=row.enrolled_at,
        revoked_at=row.revoked_at,
        last_seen_at=row.last_seen_at,
        ip_address=row.ip_address,
        agent_version=row.agent_version,
        run=_last_run(row),
        refusal=row.refusal,
        cadence=row.cadence_us,
    )


def _last_run(row: Any) -> LastRun | None:
    return _run(
        row.run_id,
        row.run_started_at,
        row.run_status,
        row.run_catalog_sha256,
        row.run_stale,
        row.run_unchanged,
        row.run_changed,
        row.run_failed,
        row.run_corrective,
    )


def _run(run_id: str | None, started_at: int, status: str, *rest: Any) -> LastRun | None:
    return None if run_id is None else LastRun(run_id, started_at, _STATUSES[status], *rest)


_STATUSES: Final = {status.value: status for status in RunStatus}

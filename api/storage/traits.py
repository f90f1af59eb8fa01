"""Traits: what each host last said it is, one document per envoy."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy import text as sql
from sqlmodel import Field, Session, select

from api.storage import bulk
from api.storage.envoys import EnvoyRow
from api.storage.rows import MAX_PAGE, ProjectRow, micros, text

MAX_KEYS: Final = 2_000
"""Of one host."""
MAX_KEY_CHARS: Final = 255


class TraitsRow(ProjectRow, table=True):
    """The newest traits of one envoy."""

    __tablename__ = "traits"

    envoy_id: str = Field(foreign_key="envoys.id", primary_key=True, max_length=36)
    sha256: str = Field(max_length=64)
    collected_at: int = micros()
    received_at: int = micros()
    document: str = text(nullable=False)
    errors: str = text(nullable=False, default="{}", sa_column_kwargs={"server_default": "{}"})


class TraitKeyRow(ProjectRow, table=True):
    """One key of traits, and on how many live envoys it is. Kept with every change, so that it is never counted."""

    __tablename__ = "trait_keys"

    project_id: str = Field(foreign_key="projects.id", max_length=36, primary_key=True)
    key: str = Field(primary_key=True, max_length=255)
    hosts: int = Field()


def keys_of(document: str) -> frozenset[str]:
    """The dotted paths in canonical JSON of traits at which there is something else than a map, at most `MAX_KEYS`.

    Those of more than `MAX_KEY_CHARS` are left out, for an inventory joins by names and not by texts.
    """
    found: list[str] = []
    waiting: list[tuple[str, dict[str, Any]]] = [("", orjson.loads(document))]
    while waiting:
        below, traits = waiting.pop()
        for key, value in traits.items():
            if type(value) is dict and value:
                waiting.append((f"{below}{key}.", value))
            else:
                found.append(below + key)
    found = [path for path in found if len(path) <= MAX_KEY_CHARS and "\0" not in path]
    if len(found) > MAX_KEYS:
        found = sorted(found)[:MAX_KEYS]
    return frozenset(found)


class Kept(NamedTuple):
    """What one host said it is, as it is kept."""

    sha256: str
    collected_at: int
    document: str
    """Canonical JSON."""
    errors: str
    """JSON: trait → why it, or a part of it, could not be told."""


class Collected(NamedTuple):
    """What one live host said it is."""

    envoy_id: str
    hostname: str
    ip_address: str
    collected_at: int
    traits: dict[str, Any]


_DIGESTS: Final = (
    "SELECT t.envoy_id, t.sha256 FROM asked CROSS JOIN traits t WHERE t.envoy_id = asked.a AND t.project_id = ?"
)
_PUT = sql(
    "INSERT INTO traits (project_id, envoy_id, sha256, collected_at, received_at, document, errors) "
    "VALUES (:project_id, :envoy_id, :sha256, :collected_at, :received_at, :document, :errors) "
    "ON CONFLICT (envoy_id) DO UPDATE SET sha256 = excluded.sha256, collected_at = excluded.collected_at, "
    "received_at = excluded.received_at, document = excluded.document, errors = excluded.errors"
)


_COUNT = sql(
    "INSERT INTO trait_keys (project_id, key, hosts) VALUES (:project, :name, 1) "
    "ON CONFLICT (project_id, key) DO UPDATE SET hosts = trait_keys.hosts + 1"
)


def put(session: Session, project_id: str, envoy_id: str, kept: Kept, *, received_at: int) -> None:
    """Store what a host says it is, in place of what it said before."""
    session.connection().execute(
        _PUT,
        {
            "project_id": project_id,
            "envoy_id": envoy_id,
            "received_at": received_at,
            **kept._asdict(),
        },
    )


def count_keys(session: Session, project_id: str, *, gone: Collection[str], come: Collection[str]) -> None:
    """One envoy has these keys no more, and those now."""
    connection, table = session.connection(), TraitKeyRow.__table__  # type: ignore[attr-defined]
    if gone:
        one_less = table.update().where(table.c.project_id == project_id, table.c.key == bindparam("name"))
        connection.execute(one_less.values(hosts=table.c.hosts - 1), [{"name": key} for key in sorted(gone)])
        connection.execute(table.delete().where(table.c.project_id == project_id, table.c.hosts <= 0))
    if come:
        connection.execute(_COUNT, [{"project": project_id, "name": key} for key in sorted(come)])


def uncount(session: Session, project_id: str, envoy_id: str) -> None:
    """An envoy is no more: what it said of itself counts no longer among the keys."""
    kept = find(session, project_id, envoy_id)
    if kept is not None:
        count_keys(session, project_id, gone=keys_of(kept.document), come=())


def keys(session: Session, project_id: str, *, limit: int) -> list[tuple[str, int]]:
    """(Key, envoys that have it) of all keys there are, by key."""
    table = TraitKeyRow.__table__  # type: ignore[attr-defined]
    query = sa.select(table.c.key, table.c.hosts).where(table.c.project_id == project_id)
    return [(row[0], row[1]) for row in session.connection().execute(query.order_by(table.c.key).limit(limit))]


def count_of_keys(session: Session, project_id: str) -> int:
    """How many keys there are."""
    table = TraitKeyRow.__table__  # type: ignore[attr-defined]
    query = sa.select(sa.func.count()).select_from(table).where(table.c.project_id == project_id)
    return int(session.connection().execute(query).scalar_one())


def reporting(session: Session, project_id: str) -> int:
    """How many live envoys have said what they are."""
    envoys, kept = EnvoyRow.__table__, TraitsRow.__table__  # type: ignore[attr-defined]
    query = (
        sa.select(sa.func.count())
        .select_from(kept.join(envoys, envoys.c.id == kept.c.envoy_id))
        .where(kept.c.project_id == project_id, envoys.c.revoked_at.is_(None))
    )
    return int(session.connection().execute(query).scalar_one())


def find(session: Session, project_id: str, envoy_id: str) -> Kept | None:
    """What an envoy last said it is."""
    query = select(TraitsRow.sha256, TraitsRow.collected_at, TraitsRow.document, TraitsRow.errors).where(
        TraitsRow.project_id == project_id, TraitsRow.envoy_id == envoy_id
    )
    row = session.exec(query).first()
    return None if row is None else Kept(*row)


def digest(session: Session, project_id: str, envoy_id: str) -> str | None:
    """Digest of what an envoy last said it is."""
    query = select(TraitsRow.sha256).where(TraitsRow.project_id == project_id, TraitsRow.envoy_id == envoy_id)
    return session.exec(query).first()


def digests(session: Session, project_id: str, envoy_ids: Sequence[str]) -> dict[str, str]:
    """Digest of what each of these envoys last said it is, where it has said anything."""
    found = bulk.among(session, _DIGESTS, [(envoy_id,) for envoy_id in envoy_ids], project_id)
    return {row[0]: row[1] for row in found}


def of(session: Session, project_id: str, hostnames: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(Hostname, traits) of those of these hosts that are live and have sent some, a page at a time."""
    envoys, kept = EnvoyRow.__table__, TraitsRow.__table__  # type: ignore[attr-defined]
    for start in range(0, len(hostnames), MAX_PAGE):
        query = (
            sa.select(envoys.c.hostname, kept.c.document)
            .join(kept, kept.c.envoy_id == envoys.c.id)
            .where(
                envoys.c.project_id == project_id,
                envoys.c.revoked_at.is_(None),
                envoys.c.hostname.in_(hostnames[start : start + MAX_PAGE]),
            )
        )
        for hostname, document in session.connection().execute(query):
            yield hostname, orjson.loads(document)


def live(session: Session, project_id: str) -> Iterator[Collected]:
    """Traits of all live envoys that have sent some, by hostname."""
    envoys, kept = EnvoyRow.__table__, TraitsRow.__table__  # type: ignore[attr-defined]
    after = ""
    while True:
        query = (
            sa.select(envoys.c.id, envoys.c.hostname, envoys.c.ip_address, kept.c.collected_at, kept.c.document)
            .join(kept, kept.c.envoy_id == envoys.c.id)
            .where(envoys.c.project_id == project_id, envoys.c.revoked_at.is_(None), envoys.c.hostname > after)
            .order_by(envoys.c.hostname)
            .limit(MAX_PAGE)
        )
        found = session.connection().execute(query).all()
        if not found:
            return
        for row in found:
            yield Collected(row[0], row[1], row[2], row[3], json.loads(row[4]))
        after = found[-1][1]

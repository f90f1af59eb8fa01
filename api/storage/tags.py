"""Tags: table and repository. They belong to the host's name, so they outlive its enrolment anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy import Index
from sqlmodel import Field, Session

from api.storage.envoys import EnvoyRow
from api.storage.rows import MAX_PAGE, ProjectRow


class TagRow(ProjectRow, table=True):
    """One tag of one host."""

    __tablename__ = "tags"
    __table_args__ = (Index(None, "project_id", "tag"),)

    project_id: str = Field(foreign_key="projects.id", max_length=36, primary_key=True)
    hostname: str = Field(max_length=253, primary_key=True)
    tag: str = Field(max_length=64, primary_key=True)


def put(session: Session, project_id: str, hostname: str, tags: Collection[str]) -> None:
    """Make these the tags of a host."""
    table = TagRow.__table__  # type: ignore[attr-defined]
    connection = session.connection()
    connection.execute(table.delete().where(table.c.project_id == project_id, table.c.hostname == hostname))
    if tags:
        values = [{"project_id": project_id, "hostname": hostname, "tag": tag} for tag in sorted(set(tags))]
        connection.execute(table.insert(), values)


def of(session: Session, project_id: str, hostnames: Sequence[str] | None = None) -> Mapping[str, tuple[str, ...]]:
    """Hostname → its tags, in order, of those of these hosts, or of all live ones, that have any."""
    table, envoys = TagRow.__table__, EnvoyRow.__table__  # type: ignore[attr-defined]
    query = sa.select(table.c.hostname, table.c.tag).where(table.c.project_id == project_id).order_by(table.c.tag)
    found: defaultdict[str, list[str]] = defaultdict(list)
    if hostnames is None:
        query = query.join(
            envoys,
            (envoys.c.project_id == table.c.project_id)
            & (envoys.c.hostname == table.c.hostname)
            & envoys.c.revoked_at.is_(None),
        )
        for hostname, tag in session.connection().execute(query):
            found[hostname].append(tag)
    else:
        for start in range(0, len(hostnames), MAX_PAGE):
            asked = query.where(table.c.hostname.in_(hostnames[start : start + MAX_PAGE]))
            for hostname, tag in session.connection().execute(asked):
                found[hostname].append(tag)
    return {hostname: tuple(tags) for hostname, tags in found.items()}

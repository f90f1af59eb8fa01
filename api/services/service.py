"""Service: health, and the numbers that are read from the database when somebody asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from api.services import revisions, sources
from api.services.work import ANONYMOUS, Work
from api.storage import audit as audit_rows
from schema.errors import Unavailable
from schema.service import Health

if TYPE_CHECKING:
    from api.services.container import Services


class Figures(NamedTuple):
    """Numbers of the moment."""

    healthy: bool
    version: int
    audit_entries: int


class NotHealthy(Unavailable):
    """The server cannot do its work."""

    code = "service.not_healthy"


async def health(services: Services) -> Health:
    """Whether this server does its work: the database answers, and takes writes.

    Raises:
        NotHealthy: it does not.
    """
    if not services.db.writer.is_alive:
        raise NotHealthy("the database takes no writes")
    await services.db.read(lambda session: audit_rows.head(session, ""))
    return Health()


async def metrics(services: Services) -> bytes:
    """All metrics of this process, in Prometheus' text format."""
    unreadable = sources.unreadable(services)
    figures = await services.read(ANONYMOUS, lambda work: _figures(work, unreadable))
    own = services.metrics
    own.healthy.set(figures.healthy)
    own.version.set(figures.version)
    own.audit_entries.set(figures.audit_entries)
    own.writes.set(services.db.writer.units)
    own.commits.set(services.db.writer.commits)
    own.waiting.set(services.db.writer.waiting)
    return own.text()


def _figures(work: Work, unreadable: str) -> Figures:
    status = revisions.status(work, unreadable=unreadable)
    return Figures(status.healthy, status.version, audit_rows.head(work.session, work.project_id).size)

"""Explanations: why a host has something, why two hosts differ, which lines of the config matter to nobody.

Derived from graphs; what hosts last said they are and which are enrolled comes from the database, and who committed a
line from the repository. Traits are read by whoever may read the fleet, as their own endpoint has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from api.services import envoys, traits
from api.services.work import Work
from api.storage import envoys as envoy_rows
from api.storage.rows import MAX_PAGE
from reconciler import explanations
from reconciler.explanations import blaming
from reconciler.explanations.subjects import MAX_SUBJECT as MAX_SUBJECT
from schema.access import Permission
from schema.errors import Invalid
from schema.explanations import Causes, Coverage, Explanation

if TYPE_CHECKING:
    from api.services.graphs import Archive
    from reconciler.graph import Graph

MAX_NAME: Final = 253
TRAITS: Final = Permission.FLEET_READ
"""What the endpoint of traits asks for."""


class NoSubject(Invalid):
    """Nothing is asked about, or a kind without a name."""

    code = "explanations.no_subject"


def why(work: Work, graph: Graph, hostname: str, subject: str) -> Explanation:
    """Why a host has something, or the first clause that keeps it out; with the traits it last told of itself.

    Raises:
        NoSubject
    """
    if not subject.strip().rpartition(":")[2].strip("=/ "):
        raise NoSubject("name a resource, var, crate, role, environment or usercrate")
    known = list(_enrolled(work)) if graph.match(hostname.strip().lower().rstrip(".")) is None else ()
    return explanations.why(graph, hostname, subject, traits=last_seen(work, hostname), known_hosts=known)


def causes(work: Work, one: Graph, hostname: str, other: Graph, other_hostname: str) -> Causes:
    """Why two hosts differ, each by its own graph and the traits it last told of itself."""
    return explanations.causes(
        explanations.Host(one, hostname, last_seen(work, hostname)),
        explanations.Host(other, other_hostname, last_seen(work, other_hostname)),
    )


def coverage(work: Work, graph: Graph) -> Coverage:
    """Which lines of the config matter to no enrolled host, or to one alone."""
    return explanations.coverage(graph, _enrolled(work))


async def dated(answer: Explanation | Causes, archive: Archive | None) -> None:
    """Write into an answer who last changed its lines, as far as the repository tells in time."""
    if archive is None:
        return
    found = blaming.lines(answer)
    if found:
        blaming.fill(found, await archive.blame([wanted for wanted, _ in found]))


def last_seen(work: Work, hostname: str) -> Mapping[str, Any] | None:
    """What a host last said it is; None where it is not enrolled, has not said so, or the caller may not know."""
    if not work.actor.may(TRAITS):
        return None
    try:
        return traits.get(work, hostname.strip().lower().rstrip(".")).traits
    except (envoys.EnvoyNotFound, traits.NoTraits):
        return None


def _enrolled(work: Work) -> Iterator[str]:
    """Host names that are enrolled and not revoked."""
    after = ""
    while page := envoy_rows.live(work.session, work.project_id, after=after, limit=MAX_PAGE):
        after = page[-1].id
        yield from (envoy.hostname for envoy in page)

"""Explanations: why a host has something, why two hosts differ, which lines of the config matter to nobody.

Derived from graphs; what hosts last said they are and which are enrolled comes from the database, and who committed a
line from the repository. What is looked up comes first, so that no transaction waits for an answer. Traits are read by
whoever may read the fleet, as their own endpoint has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from api.services import envoys, traits
from api.services.work import Work
from api.storage import envoys as envoy_rows
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


class Host(NamedTuple):
    """A host that somebody asks about, with all that the database knows of it."""

    hostname: str
    traits: Mapping[str, Any] | None
    """What it last said it is; None where it has not, is not enrolled, or the caller may not know."""
    others: Sequence[str] = ()
    """Names that are enrolled, where no match block applies to this one: it may be one of them, misspelt."""


def about(work: Work, graph: Graph, hostname: str) -> Host:
    """A host, looked up."""
    name = hostname.strip().lower().rstrip(".")
    return Host(name, _last_seen(work, name), enrolled(work) if graph.match(name) is None else ())


def enrolled(work: Work) -> list[str]:
    """Host names that are enrolled and not revoked, in order."""
    return envoy_rows.hostnames(work.session, work.project_id)


def why(graph: Graph, host: Host, subject: str) -> Explanation:
    """Why a host has something, or the first clause that keeps it out.

    Raises:
        NoSubject
    """
    if explanations.names_nothing(subject):
        raise NoSubject("name a resource, var, crate, role, environment or usercrate")
    return explanations.why(graph, host.hostname, subject, traits=host.traits, known_hosts=host.others)


def causes(one: Graph, host: Host, other: Graph, other_host: Host) -> Causes:
    """Why two hosts differ, each by its own graph."""
    return explanations.causes(
        explanations.Host(one, host.hostname, host.traits),
        explanations.Host(other, other_host.hostname, other_host.traits),
    )


def coverage(graph: Graph, hostnames: Sequence[str]) -> Coverage:
    """Which lines of the config matter to none of these hosts, or to one alone."""
    return explanations.coverage(graph, hostnames)


async def dated(answers: Sequence[Explanation | Causes], archive: Archive | None) -> None:
    """Write into answers who last changed their lines, as far as the repository tells in time. Several share what one
    may ask."""
    if archive is None:
        return
    found = [each for answer in answers for each in blaming.lines(answer)][: blaming.MAX_LINES]
    if found:
        blaming.fill(found, await archive.blame([wanted for wanted, _ in found]))


def _last_seen(work: Work, hostname: str) -> Mapping[str, Any] | None:
    if not work.actor.may(TRAITS):
        return None
    try:
        return traits.get(work, hostname).traits
    except (envoys.EnvoyNotFound, traits.NoTraits):
        return None

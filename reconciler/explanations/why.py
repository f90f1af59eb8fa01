"""Why, and why not: the chain of lines that gives a host something, or the first clause that keeps it out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from reconciler.explanations import crates, hosts, resources, subjects, variables
from reconciler.explanations.answers import Asked
from reconciler.explanations.bringing import Ways
from reconciler.explanations.places import Places
from reconciler.graph import Graph
from schema.explanations import Explanation, Presence, Reason, SubjectKind

_ANSWERS: Final[Mapping[SubjectKind, Callable[[Asked], Explanation]]] = {
    SubjectKind.CRATE: crates.crate,
    SubjectKind.ROLE: crates.role,
    SubjectKind.ENVIRONMENT: crates.environment,
    SubjectKind.USERCRATE: crates.usercrate,
    SubjectKind.VAR: variables.var,
    SubjectKind.RESOURCE: resources.resource,
}
_NAMED: Final = (SubjectKind.CRATE, SubjectKind.ROLE, SubjectKind.ENVIRONMENT, SubjectKind.USERCRATE, SubjectKind.VAR)


def why(
    graph: Graph,
    hostname: str,
    subject: str,
    *,
    traits: Mapping[str, Any] | None = None,
    known_hosts: Collection[str] = (),
) -> Explanation:
    """Why a host has a resource, var, crate, role, environment or usercrate; or the first clause that keeps it out.

    Args:
        subject: see `subjects`.
        traits: of the host; conditions that ask for them are undecided without.
        known_hosts: names that a misspelt one is compared with.
    """
    hostname = hosts.folded(hostname)
    places = Places(graph)
    profile = graph.match(hostname)
    read, also = subjects.read(subject, graph, profile)
    if profile is None:
        return _unmatched(places, hostname, subject, read.kind, read.name, known_hosts)
    asked = Asked(subject, read, also, Ways(places, profile, hostname), hostname, traits)
    if read.kind is SubjectKind.UNKNOWN:
        return asked.unknown("crate, role, environment, usercrate or var", _NAMED)
    return _ANSWERS[read.kind](asked)


def _unmatched(
    places: Places, hostname: str, subject: str, kind: SubjectKind, name: str, known_hosts: Collection[str]
) -> Explanation:
    hint, near = hosts.nearest(places.graph, hostname, known_hosts)
    return Explanation(
        hostname=hostname,
        subject=subject,
        kind=kind,
        name=name,
        presence=Presence.ABSENT,
        summary=f"no match block applies to {hostname}",
        chain=[],
        reason=Reason.NO_MATCH,
        kept_out=hosts.nearest_link(places, near) if near is not None else None,
        hint=hint or None,
        commit=places.graph.commit,
    )

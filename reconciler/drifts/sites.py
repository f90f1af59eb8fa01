"""Sites: where the resource that drifted is written, and what stands there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from reconciler.drifts.inverses import Value
from reconciler.drifts.saying import CONTENT, Facts, Name, Speaker, has, linked_of, parsed, source_of, written_in
from reconciler.drifts.solving import Unsolved, matches
from reconciler.graph import Graph, Profile
from reconciler.graph.linking import Linked
from reconciler.previews.pairs import Written
from schema.documents.configcrates import Configcrate


class Site(NamedTuple):
    """Where a resource is written."""

    name: Name
    linked: Linked
    written: Written
    file: str
    number: int
    """Of the resource in its document."""

    @property
    def strict(self) -> bool:
        """Whether others share what it is made of: other items, other users."""
        return bool(self.name.mark or self.name.user)


def site(graph: Graph, resource: str) -> Site:
    """The place of a resource that an agent tells of.

    Raises:
        Unsolved: it is not there, or cannot be found again.
    """
    name = parsed(resource)
    linked = linked_of(graph, name.crate) if name is not None else None
    if name is None or linked is None:
        kind, _, crate = resource.partition("/")[0].rpartition(":")
        raise Unsolved(f"there is no {kind or 'configcrate'} {crate.partition('@')[0]} in what is in force")
    written = written_in(graph, name.crate, name.resource)
    if written is None and name.mark:  # brackets that are part of its name
        name = name._replace(resource=name.resource + name.mark, mark="")
        written = written_in(graph, name.crate, name.resource)
    if written is None or (written.foreach is not None) != bool(name.mark):
        raise Unsolved(f"{name.crate} has no such resource in what is in force")
    document = linked.crate.document
    document = graph.documents.by_path.get(document.path, document)
    lines = document.parsed.item_lines.get("resources", ())
    known = isinstance(document.parsed.model, Configcrate) and lines.count(written.line) == 1
    if not known or document.parsed.kept:
        raise Unsolved(f"{resource} cannot be found again in {document.path}")
    return Site(name, linked, written, document.path, lines.index(written.line))


def profiles(graph: Graph, site: Site, hosts: tuple[str, ...]) -> dict[str, Profile]:
    """Host → its profile, of those of these hosts that have the resource's crate.

    Raises:
        Unsolved: none of them has.
    """
    matched = {host: profile for host in hosts if (profile := graph.match(host)) is not None}
    found = {host: profile for host, profile in matched.items() if has(profile, site.name.crate)}
    if not found:
        kind, _, crate = site.name.crate.rpartition(":")
        raise Unsolved(f"none of the hosts has the {kind or 'configcrate'} {crate} in what is in force")
    return found


def speaker(site: Site, profile: Profile, facts: Facts, host: str) -> Speaker:
    """What the resource comes to on a host."""
    return Speaker(site.written, site.linked, profile, facts, host, site.name.user)


def is_as_told(said: Mapping[str, Any], name: str, told: str | None, value: Value) -> bool:
    """Whether what the config says is what the agent says is desired; of what it does not say, nothing is known."""
    if told is None:
        return True
    return matches(
        name, said.get(name), [each for each in told.split(",") if each] if isinstance(value, list) else told
    )


def content_of(site: Site, name: str) -> str:
    """The file of the tree that an attribute is, as it is delivered; empty where it is no such."""
    return source_of(site.written) if name == CONTENT else ""

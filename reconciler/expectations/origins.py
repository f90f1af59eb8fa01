"""Origins: where what a host has is written, for the failures of tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reconciler.documents import Document
from reconciler.documents.marks import Path
from reconciler.graph import Graph, tracing
from reconciler.graph.profiles import Profile
from reconciler.graph.resolution import MATCH_BLOCK
from schema.config import Place
from schema.documents.environments import Environments
from schema.documents.inherited import Inherited
from schema.documents.leaves import Leaf, MatchBlock


class Origin(NamedTuple):
    """A place, and what traces call it."""

    place: Place
    source: str


def at(graph: Graph, document: Document, path: Path, *, on_key: bool = False) -> Place:
    """The place of what stands at a path of a document."""
    line, column = graph.documents.place(document, path, on_key=on_key)
    return Place(file=document.path, line=line, column=column, commit=graph.commit)


def of_block(graph: Graph, profile: Profile, *below: str | int) -> Origin:
    """Where a match block is written, or something in it."""
    return Origin(at(graph, _now(graph, profile.document), ("envoys", profile.index, *below)), MATCH_BLOCK)


def of_crate(graph: Graph, profile: Profile, name: str) -> Origin | None:
    """The line that gives a crate to the hosts of a profile."""
    label = profile.resolution.crates.get(name)
    if label is None:
        return None
    for document, path, names in _lists(graph, profile, label):
        if name in names:
            return Origin(at(graph, document, (*path, names.index(name))), label)
    return None


def of_exclusion(graph: Graph, profile: Profile, name: str) -> Origin | None:
    """The line that takes a crate away from the hosts of a profile."""
    scope, environment = profile.resolution.scope, profile.environment
    block = _block(profile)
    places: list[tuple[Document, Path, Sequence[str], str]] = [
        (each, ("exclude_configcrates",), each.parsed.model.exclude_configcrates, each.path)
        for each in scope.levels
        if isinstance(each.parsed.model, Inherited)
    ]
    for each in scope.environment_documents:
        model = each.parsed.model
        if isinstance(model, Environments) and environment in model.environments:
            excluded = model.environments[environment].exclude_configcrates
            path: Path = ("environments", environment, "exclude_configcrates")
            places.append((each, path, excluded, f"{each.path}:{environment}"))
    if block is not None:
        path = ("envoys", profile.index, "exclude_configcrates")
        places.append((profile.document, path, block.exclude_configcrates, MATCH_BLOCK))
    for document, where, names, label in places:
        if name in names:
            return Origin(at(graph, _now(graph, document), (*where, list(names).index(name))), label)
    return None


def of_role(graph: Graph, profile: Profile, name: str) -> Origin | None:
    """The line that gives a role to the hosts of a profile, or a role that includes it."""
    given = next((each for each in profile.roles if name in graph.roles.closures.get(each, (each,))), None)
    if given is None:
        return None
    for level in profile.resolution.scope.levels:
        model = level.parsed.model
        if isinstance(model, Inherited) and given in model.roles:
            return Origin(at(graph, _now(graph, level), ("roles", model.roles.index(given))), level.path)
    block = _block(profile)
    if block is not None and given in block.roles:
        return of_block(graph, profile, "roles", block.roles.index(given))
    return None


def of_usercrate(graph: Graph, profile: Profile, name: str) -> Origin | None:
    """The line that gives a usercrate to the hosts of a profile."""
    for level in profile.resolution.scope.levels:
        model = level.parsed.model
        if isinstance(model, Inherited) and name in model.usercrates:
            return Origin(at(graph, _now(graph, level), ("usercrates", model.usercrates.index(name))), level.path)
    block = _block(profile)
    if block is not None and name in block.usercrates:
        return of_block(graph, profile, "usercrates", block.usercrates.index(name))
    return None


def of_var(graph: Graph, profile: Profile, path: Sequence[str], crate: str = "") -> Origin | None:
    """The line that gives a var its value.

    Args:
        crate: whose own defaults lie below the profile's vars.
    """
    found = tracing.writer(graph, profile, path, crate)
    return Origin(found.place, found.source) if found is not None and found.place is not None else None


def _lists(graph: Graph, profile: Profile, label: str) -> Iterator[tuple[Document, Path, Sequence[str]]]:
    """The lists of crates that a label of a trace stands for."""
    if label == MATCH_BLOCK:
        block = _block(profile)
        names = block.configcrates if block is not None else ()
        yield _now(graph, profile.document), ("envoys", profile.index, "configcrates"), names
    elif label.startswith("role:") and graph.roles.document is not None:
        for role in graph.roles.closures.get(label.removeprefix("role:"), ()):
            yield graph.roles.document, ("roles", role, "configcrates"), graph.roles.entries[role].configcrates
    elif label in graph.documents.by_path:
        document = graph.documents.by_path[label]
        model = document.parsed.model
        yield document, ("configcrates",), model.configcrates if isinstance(model, Inherited) else ()
    else:
        path, _, environment = label.rpartition(":")
        document = graph.documents.by_path[path]
        model = document.parsed.model
        if isinstance(model, Environments):
            found = model.environments[environment].configcrates
            yield document, ("environments", environment, "configcrates"), found


def _block(profile: Profile) -> MatchBlock | None:
    model = profile.document.parsed.model
    return model.envoys[profile.index] if isinstance(model, Leaf) else None


def _now(graph: Graph, document: Document) -> Document:
    """The document as it is in this tree: a profile may be older, made of the same words."""
    return graph.documents.by_path.get(document.path, document)

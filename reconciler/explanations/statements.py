"""Statements: the lines of a config that say something to hosts, each with a name of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from reconciler.explanations.places import environment_in
from reconciler.graph import Graph, Profile
from schema.documents.inherited import Inherited

Way = tuple[str | int, ...]


class Statement(NamedTuple):
    """A var, as one layer writes it."""

    path: str
    way: Way
    dotted: str
    source: str
    """The layer, as traces name it."""


class Listed(NamedTuple):
    """A crate in a list of crates, or of excluded ones."""

    path: str
    way: Way
    crate: str
    source: str
    excludes: bool = False


def level_lists(profile: Profile) -> Iterator[Listed]:
    """What the levels above a block list and exclude, from the root down."""
    for document in profile.resolution.scope.levels:
        level = document.parsed.model
        if isinstance(level, Inherited):
            for at, name in enumerate(level.configcrates):
                yield Listed(document.path, ("configcrates", at), name, document.path)
            for at, name in enumerate(level.exclude_configcrates):
                yield Listed(document.path, ("exclude_configcrates", at), name, document.path, excludes=True)


def role_lists(graph: Graph, profile: Profile) -> Iterator[Listed]:
    """What the roles of a block list, each role once, in order."""
    if graph.roles.document is None:
        return
    seen: set[str] = set()
    for listed in profile.roles:
        for role in graph.roles.closures.get(listed, ()):
            if role not in seen:
                seen.add(role)
                for at, name in enumerate(graph.roles.entries[role].configcrates):
                    way = ("roles", role, "configcrates", at)
                    yield Listed(graph.roles.document.path, way, name, f"role:{role}")


def environment_lists(profile: Profile) -> Iterator[Listed]:
    """What a block's environment lists and excludes, from the root down."""
    name = profile.environment
    for document in profile.resolution.scope.environment_documents:
        environment = environment_in(document, name)
        if environment is not None:
            label = f"{document.path}:{name}"
            for at, crate in enumerate(environment.configcrates):
                yield Listed(document.path, ("environments", name, "configcrates", at), crate, label)
            for at, crate in enumerate(environment.exclude_configcrates):
                way = ("environments", name, "exclude_configcrates", at)
                yield Listed(document.path, way, crate, label, excludes=True)

"""Contributions: what the lines of one host's config give it, as candidates for what makes it differ from another.

Each contribution can be named in several ways, from the general (the role that was given) to the exact (the line in
that role): a cause that explains much is better general, one that explains a single thing better exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from reconciler.documents import Document
from reconciler.documents.kinds import Kind
from reconciler.explanations.bringing import ROLE, Ways
from reconciler.explanations.overlay import Keys, Overlay, leaves
from reconciler.explanations.places import Places, block_of, environment_in
from reconciler.graph import Graph, Profile
from reconciler.graph.resolution import MATCH_BLOCK
from reconciler.graph.scopes import Layer
from schema.documents.inherited import Inherited
from schema.explanations import CauseKind
from schema.merging import settle

Way = tuple[str | int, ...]


class Candidate(NamedTuple):
    """A cause, perhaps. Two are the same when they are of one kind and stand at one place, whoever's they are."""

    kind: CauseKind
    file: str
    """Of a trait: its dotted path; of a name: `hostname`."""
    way: Way = ()
    on_key: bool = False


class Written(NamedTuple):
    """One layer's word on a leaf of the vars."""

    layer: Layer
    way: Way
    value: Any


class Contributions:
    """What one host has, and by which lines."""

    def __init__(self, graph: Graph, profile: Profile, hostname: str, traits: Mapping[str, Any] | None) -> None:
        self.graph: Final = graph
        self.profile: Final = profile
        self.hostname: Final = hostname
        self.traits: Final = traits
        self.block: Final = block_of(profile)
        self.ways: Final = Ways(Places(graph), profile, hostname)
        self.levels: Final = {each.path: each for each in profile.resolution.scope.levels}
        self.roles: Final = {
            role: listed for listed in reversed(profile.roles) for role in graph.roles.closures.get(listed, ())
        }
        """Role → the first listed role that brings it."""
        overlay: Overlay[Written] = Overlay()
        self._words: Final[dict[tuple[str, Way], Any]] = {}
        for layer in profile.resolution.layers:
            way = self.ways.way_of(layer)
            for leaf in leaves(layer.vars):
                overlay.put(leaf, Written(layer, (*way, *leaf.written), leaf.value))
                self._words[layer.document.path, (*way, *leaf.written)] = leaf.value
        self.writers: Final = overlay.live
        self.values: Final = {leaf.keys: leaf.value for leaf in leaves(settle(profile.resolution.vars))}

    # which words there are for one contribution, the general before the exact

    def of_crate(self, name: str) -> list[Candidate]:
        """What brings a crate."""
        for document in self.levels.values():
            listed = _names(document, "configcrates")
            if name in listed:
                return [_level(document), _line(document, ("configcrates", listed.index(name)))]
        for listed_role in self.profile.roles:
            for role in self.graph.roles.closures.get(listed_role, ()):
                crates = self.graph.roles.entries[role].configcrates
                if name in crates:
                    way = ("roles", role, "configcrates", crates.index(name))
                    return [*self.of_role(listed_role), _line(self._roles(), way)]
        for document in self.profile.resolution.scope.environment_documents:
            environment = environment_in(document, self.profile.environment)
            if environment is not None and name in environment.configcrates:
                at = environment.configcrates.index(name)
                way = ("environments", self.profile.environment, "configcrates", at)
                return [*self.of_environment(), _line(document, way)]
        at = self.block.configcrates.index(name)
        return [self.of_block(), self._in_block("configcrates", at)]

    def of_usercrate(self, name: str) -> list[Candidate]:
        """What brings a usercrate."""
        for document in self.levels.values():
            listed = _names(document, "usercrates")
            if name in listed:
                return [_level(document), _line(document, ("usercrates", listed.index(name)))]
        return [self.of_block(), self._in_block("usercrates", self.block.usercrates.index(name))]

    def of_exclusion(self, name: str) -> list[Candidate]:
        """What excludes a crate; nothing where nothing does."""
        for document in self.levels.values():
            listed = _names(document, "exclude_configcrates")
            if name in listed:
                return [_level(document), _line(document, ("exclude_configcrates", listed.index(name)))]
        if name in self.block.exclude_configcrates:
            at = self.block.exclude_configcrates.index(name)
            return [self.of_block(), self._in_block("exclude_configcrates", at)]
        for document in self.profile.resolution.scope.environment_documents:
            environment = environment_in(document, self.profile.environment)
            if environment is not None and name in environment.exclude_configcrates:
                at = environment.exclude_configcrates.index(name)
                way = ("environments", self.profile.environment, "exclude_configcrates", at)
                return [*self.of_environment(), _line(document, way)]
        return []

    def of_role(self, listed: str) -> list[Candidate]:
        """What gives a role that is listed."""
        for document in self.levels.values():
            names = _names(document, "roles")
            if listed in names:
                return [_level(document), Candidate(CauseKind.ROLE, document.path, ("roles", names.index(listed)))]
        way = ("envoys", self.profile.index, "roles", self.block.roles.index(listed))
        return [Candidate(CauseKind.ROLE, self.profile.document.path, way)]

    def of_environment(self) -> list[Candidate]:
        """What says the environment."""
        way = ("envoys", self.profile.index, "environment")
        return [Candidate(CauseKind.ENVIRONMENT, self.profile.document.path, way)]

    def of_block(self) -> Candidate:
        """The match block itself."""
        way = ("envoys", self.profile.index, "match")
        return Candidate(CauseKind.BLOCK, self.profile.document.path, way)

    def of_written(self, written: Written) -> list[Candidate]:
        """What writes a var."""
        layer = written.layer
        line = Candidate(CauseKind.LINE, layer.document.path, written.way, on_key=True)
        if layer.label == MATCH_BLOCK:
            return [self.of_block(), line]
        if layer.document.kind is Kind.INHERITED:
            return [_level(layer.document), line]
        if layer.document.kind is Kind.ROLES:
            return [*self.of_role(layer.label.removeprefix(ROLE)), line]
        return [*self.of_environment(), line]

    # what is in effect here

    def shares(self, candidate: Candidate, other: Contributions) -> bool:
        """Whether what a candidate of the other's names, other than a line, is in effect here too."""
        if candidate.kind is CauseKind.LEVEL:
            return candidate.file in self.levels
        if candidate.kind is CauseKind.BLOCK:
            return self.profile.id == other.profile.id
        if candidate.kind is CauseKind.ENVIRONMENT:
            return self.profile.environment == other.profile.environment
        if candidate.kind is CauseKind.ROLE:
            return other.role_at(candidate) in self.profile.roles
        return False

    def role_at(self, candidate: Candidate) -> str:
        """The role that a line of this host's gives."""
        at = candidate.way[-1]
        assert isinstance(at, int)
        if candidate.way[0] == "roles":
            return _names(self.levels[candidate.file], "roles")[at]
        return self.block.roles[at]

    def says(self, written: Written) -> bool:
        """Whether the same line says the same here, even if something stronger is above it."""
        place = (written.layer.document.path, written.way)
        return place in self._words and self._words[place] == written.value

    def brings(self, name: str) -> bool:
        """Whether anything brings a crate, excluded or not."""
        return self.ways.to_crate(name) is not None

    def writers_of(self, keys: Keys) -> list[Written]:
        """Who wrote the value of a leaf, or of what is there in its place."""
        for depth in range(len(keys), 0, -1):
            if keys[:depth] in self.writers:
                return self.writers[keys[:depth]]
        return []

    def _in_block(self, *way: str | int) -> Candidate:
        return Candidate(CauseKind.LINE, self.profile.document.path, ("envoys", self.profile.index, *way))

    def _roles(self) -> Document:
        document = self.graph.roles.document
        assert document is not None
        return document


def _level(document: Document) -> Candidate:
    return Candidate(CauseKind.LEVEL, document.path)


def _line(document: Document, way: Way) -> Candidate:
    return Candidate(CauseKind.LINE, document.path, way)


def _names(document: Document, key: str) -> list[str]:
    level = document.parsed.model
    return list(getattr(level, key)) if isinstance(level, Inherited) else []

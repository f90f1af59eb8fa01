"""Bringing: how the lines of a config lead from a match block to a crate, a role or a layer of vars."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final

from reconciler.documents import Document
from reconciler.documents.kinds import Kind
from reconciler.explanations.places import Places, below, block_of, environment_in
from reconciler.graph import Profile
from reconciler.graph.resolution import MATCH_BLOCK
from reconciler.graph.scopes import Layer
from schema.documents.inherited import Inherited
from schema.explanations import Link, LinkKind

ROLE: Final = "role:"


class Ways:
    """The ways of one profile: from its match block to what it has."""

    def __init__(self, places: Places, profile: Profile, hostname: str) -> None:
        self.places: Final = places
        self.graph: Final = places.graph
        self.profile: Final = profile
        self.block: Final = block_of(profile)
        self.matched: Final = self._link(LinkKind.MATCH, f"{profile.match_pattern} matches {hostname}", "match")

    def to_crate(self, name: str) -> list[Link] | None:
        """From the block to the first line that lists a crate, whether or not it is excluded; None where none does."""
        for level, document in self._levels():
            if name in level.configcrates:
                return [self.matched, self._listed_in(document, "configcrates", level.configcrates.index(name), name)]
        for listed in self.profile.roles:
            for role in self.graph.roles.closures.get(listed, ()):
                crates = self.graph.roles.entries[role].configcrates
                if name in crates:
                    document, way = self._roles(), ("roles", role, "configcrates", crates.index(name))
                    link = self.places.link(LinkKind.LIST, f"role {role} lists {name}", document, way)
                    return [*self.to_role(listed), *self._includes(listed, role), link]
        for document in self.profile.resolution.scope.environment_documents:
            environment = environment_in(document, self.profile.environment)
            if environment is not None and name in environment.configcrates:
                index = environment.configcrates.index(name)
                way = ("environments", self.profile.environment, "configcrates", index)
                text = f"environment {self.profile.environment} lists {name}"
                return [*self.to_environment(), self.places.link(LinkKind.LIST, text, document, way)]
        if name in self.block.configcrates:
            index = self.block.configcrates.index(name)
            return [self.matched, self._link(LinkKind.LIST, f"the block lists {name}", "configcrates", index)]
        return None

    def exclusion(self, name: str) -> Link | None:
        """The line that takes a crate away from this block's hosts."""
        for level, document in self._levels():
            if name in level.exclude_configcrates:
                way = ("exclude_configcrates", level.exclude_configcrates.index(name))
                text = f"{document.path} excludes {name} from {below(document)}"
                return self.places.link(LinkKind.EXCLUDE, text, document, way)
        if name in self.block.exclude_configcrates:
            at = self.block.exclude_configcrates.index(name)
            return self._link(LinkKind.EXCLUDE, f"the block excludes {name}", "exclude_configcrates", at)
        for document in self.profile.resolution.scope.environment_documents:
            environment = environment_in(document, self.profile.environment)
            if environment is not None and name in environment.exclude_configcrates:
                index = environment.exclude_configcrates.index(name)
                env_way = ("environments", self.profile.environment, "exclude_configcrates", index)
                text = f"environment {self.profile.environment} excludes {name}"
                return self.places.link(LinkKind.EXCLUDE, text, document, env_way)
        return None

    def to_role(self, listed: str) -> list[Link]:
        """From the block to the line that lists one of its roles."""
        for level, document in self._levels():
            if listed in level.roles:
                text = f"{document.path}, inherited by {below(document)}, gives role {listed}"
                way = ("roles", level.roles.index(listed))
                return [self.matched, self.places.link(LinkKind.ROLE, text, document, way)]
        at = self.block.roles.index(listed)
        return [self.matched, self._link(LinkKind.ROLE, f"the block gives role {listed}", "roles", at)]

    def to_any_role(self, name: str) -> list[Link] | None:
        """From the block to a role that it has, listed or included; None where it has it not."""
        if name in self.profile.roles:
            return self.to_role(name)
        for listed in self.profile.roles:
            if name in self.graph.roles.closures.get(listed, ()):
                return [*self.to_role(listed), *self._includes(listed, name)]
        return None

    def to_environment(self) -> list[Link]:
        """From the block to its environment."""
        text = f"its environment is {self.profile.environment}"
        return [self.matched, self._link(LinkKind.ENVIRONMENT, text, "environment")]

    def to_usercrate(self, name: str) -> list[Link] | None:
        """From the block to the line that lists a usercrate; None where none does."""
        for level, document in self._levels():
            if name in level.usercrates:
                return [self.matched, self._listed_in(document, "usercrates", level.usercrates.index(name), name)]
        if name in self.block.usercrates:
            at = self.block.usercrates.index(name)
            return [self.matched, self._link(LinkKind.LIST, f"the block lists {name}", "usercrates", at)]
        return None

    def to_layer(self, layer: Layer) -> list[Link]:
        """From the block to what gives it a layer of vars; the layer's own line not included."""
        if layer.label == MATCH_BLOCK or layer.document.kind is Kind.INHERITED:
            return [self.matched]
        if layer.label.startswith(ROLE) and layer.document.kind is Kind.ROLES:
            listed = layer.label.removeprefix(ROLE)
            return [*self.to_role(listed), *self._includes(listed, str(layer.path[1]))]
        return self.to_environment()

    def way_of(self, layer: Layer) -> tuple[str | int, ...]:
        """Where a layer's vars stand in its document, as it is now."""
        return ("envoys", self.profile.index, "vars") if layer.label == MATCH_BLOCK else layer.path

    def _includes(self, listed: str, role: str) -> Iterator[Link]:
        """The lines by which one role brings another."""
        document = self._roles()
        for outer, inner in includes(self.graph.roles.entries, listed, role):
            at = self.graph.roles.entries[outer].includes.index(inner)
            text = f"role {outer} includes {inner}"
            yield self.places.link(LinkKind.ROLE, text, document, ("roles", outer, "includes", at))

    def _levels(self) -> Iterator[tuple[Inherited, Document]]:
        for document in self.profile.resolution.scope.levels:
            level = document.parsed.model
            if isinstance(level, Inherited):
                yield level, document

    def _listed_in(self, document: Document, key: str, at: int, name: str) -> Link:
        text = f"{document.path}, inherited by {below(document)}, lists {name}"
        return self.places.link(LinkKind.INHERIT, text, document, (key, at))

    def _link(self, kind: LinkKind, text: str, *way: str | int) -> Link:
        return self.places.link(kind, text, self.profile.document, ("envoys", self.profile.index, *way))

    def _roles(self) -> Document:
        document = self.graph.roles.document
        assert document is not None  # a profile has roles of no other file
        return document


def includes(entries: Mapping[str, object], start: str, end: str) -> list[tuple[str, str]]:
    """The shortest way of includes from one role to another, as pairs (including, included)."""
    came: dict[str, str] = {start: ""}
    waiting = deque([start])
    while waiting and end not in came:
        role = waiting.popleft()
        for included in getattr(entries.get(role), "includes", ()):
            if included not in came:
                came[included] = role
                waiting.append(included)
    pairs: list[tuple[str, str]] = []
    while came.get(end):
        pairs.append((came[end], end))
        end = came[end]
    return pairs[::-1]

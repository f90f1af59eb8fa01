"""Scopes: what a directory inherits from the root down to itself, and which environments it can name.

A scope is one object for all directories that inherit alike, and the same object from commit to commit while no
`common.vgo` or `environments.vgo` above changes: what was resolved under it can be kept by identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from reconciler.documents import Document, Documents, Kind
from reconciler.documents.marks import Path
from schema.documents.environments import Environment, Environments
from schema.documents.inherited import Inherited
from schema.merging import APPEND, merge


class Layer(NamedTuple):
    """Vars from one place. Layers in a row go from weak to strong."""

    label: str
    """As traces name it: `common.vgo`, `role:webserver`, `environments.vgo:production`, `match-block`."""
    document: Document
    path: Path
    """Where its vars stand in that document."""
    vars: Mapping[str, Any]


class EnvironmentChain(NamedTuple):
    """One environment as a scope sees it, put together from the root down."""

    crates: Mapping[str, str]
    """Crate → label."""
    excluded: frozenset[str]
    layers: tuple[Layer, ...]
    vars: dict[str, Any]
    simple: bool
    """Whether its vars need no second look: plain to encode, and nothing in them still to append."""
    conflicts: tuple[tuple[str, ...], ...]
    """Paths of appends to what is no list."""


@dataclass(slots=True, eq=False)
class Scope:
    """What a directory inherits."""

    levels: tuple[Document, ...] = ()
    """The `common.vgo` documents from the root down."""
    environment_documents: tuple[Document, ...] = ()
    crates: tuple[tuple[str, str], ...] = ()
    roles: tuple[str, ...] = ()
    usercrates: tuple[tuple[str, str], ...] = ()
    """Usercrate, label."""
    excluded: frozenset[str] = frozenset()
    layers: tuple[Layer, ...] = ()
    vars: dict[str, Any] = field(default_factory=dict)
    simple: bool = True
    """Whether its vars need no second look: plain to encode, and nothing in them still to append."""
    conflicts: tuple[tuple[str, ...], ...] = ()
    """Paths of appends to what is no list."""
    whole: bool = True
    """Whether all documents that make it are sound: else nothing can be said about what is missing."""
    environments: dict[str, EnvironmentChain | None] = field(default_factory=dict)

    def environment(self, name: str) -> EnvironmentChain | None:
        """An environment by name; None when no document on the way defines it."""
        if name not in self.environments:
            self.environments[name] = _environment(self.environment_documents, name)
        return self.environments[name]

    def environment_names(self) -> list[str]:
        """The environments that can be named here."""
        return sorted({name for each in self.environment_documents for name in _defined(each)})


@dataclass(slots=True)
class ScopeCache:
    """Scopes by directory, each with what it was made of."""

    made: dict[str, tuple[Scope, Document | None, Document | None, Scope]] = field(default_factory=dict)


class Scopes:
    """The scopes of one tree."""

    def __init__(self, documents: Documents, cache: ScopeCache) -> None:
        self._inherited: Final = {each.directory: each for each in documents.of(Kind.INHERITED)}
        self._environments: Final = {each.directory: each for each in documents.of(Kind.ENVIRONMENTS)}
        self._cache: Final = cache.made
        self._found: Final[dict[str, Scope]] = {}
        made_of = self._inherited.keys() | self._environments.keys()
        for directory in [each for each in self._cache if each not in made_of and each != _ROOT_OF_ALL]:
            del self._cache[directory]
        self._empty: Final = self._cache.setdefault(_ROOT_OF_ALL, (_NOTHING, None, None, Scope()))[3]

    def of(self, directory: str) -> Scope:
        """The scope of a directory; empty for the root."""
        found = self._found.get(directory)
        if found is None:
            parent = self._empty if not directory else self.of(directory.rpartition("/")[0])
            found = self._found[directory] = self._make(directory, parent)
        return found

    def _make(self, directory: str, parent: Scope) -> Scope:
        inherited, environments = self._inherited.get(directory), self._environments.get(directory)
        if inherited is None and environments is None:
            return parent
        kept = self._cache.get(directory)
        if kept is not None and kept[0] is parent and kept[1] is inherited and kept[2] is environments:
            return kept[3]
        made = _extend(parent, inherited, environments)
        self._cache[directory] = (parent, inherited, environments, made)
        return made


_NOTHING: Final = Scope()
_ROOT_OF_ALL: Final = "\0"
"""No directory has this name: the scope that the root's own extends."""


def is_simple(layers: Iterable[Layer], vars_: Mapping[str, Any]) -> bool:
    """Whether vars merged from these layers are plain to encode, with nothing in them still to append."""
    return all(layer.document.parsed.plain for layer in layers) and not appends(vars_)


def appends(vars_: Mapping[str, Any]) -> bool:
    """Whether something in vars is appended to what is weaker than they are."""
    for key, value in vars_.items():  # noqa: SIM110 - a generator takes twice the time
        if key.endswith(APPEND) or (type(value) is dict and appends(value)):
            return True
    return False


def unique(names: Iterable[str]) -> tuple[str, ...]:
    """Names in order, each once."""
    return tuple(dict.fromkeys(names))


def _extend(parent: Scope, inherited: Document | None, environments: Document | None) -> Scope:
    scope = Scope(
        parent.levels,
        parent.environment_documents,
        parent.crates,
        parent.roles,
        parent.usercrates,
        parent.excluded,
        parent.layers,
        parent.vars,
        parent.simple,
        parent.conflicts,
        parent.whole,
    )
    if inherited is not None:
        scope.levels = (*parent.levels, inherited)
        scope.whole = scope.whole and inherited.parsed.whole
        level = inherited.parsed.model
        if isinstance(level, Inherited):
            known = dict(parent.crates)
            fresh = [(name, inherited.path) for name in unique(level.configcrates) if name not in known]
            scope.crates = (*parent.crates, *fresh)
            scope.roles = unique((*parent.roles, *level.roles))
            if level.usercrates:
                above = {name for name, _ in parent.usercrates}
                new = [(name, inherited.path) for name in unique(level.usercrates) if name not in above]
                scope.usercrates = (*parent.usercrates, *new)
            scope.excluded = parent.excluded.union(level.exclude_configcrates)
            if level.vars:
                scope.layers = (*parent.layers, Layer(inherited.path, inherited, ("vars",), level.vars))
                clashes: list[tuple[str, ...]] = []
                scope.vars = merge(parent.vars, level.vars, clashes)
                scope.conflicts = (*parent.conflicts, *clashes)
                scope.simple = is_simple(scope.layers, scope.vars)
    if environments is not None:
        scope.environment_documents = (*parent.environment_documents, environments)
        scope.whole = scope.whole and environments.parsed.whole
    return scope


def _defined(document: Document) -> Mapping[str, Environment]:
    model = document.parsed.model
    return model.environments if isinstance(model, Environments) else {}


def _environment(documents: Iterable[Document], name: str) -> EnvironmentChain | None:
    crates: dict[str, str] = {}
    excluded: set[str] = set()
    layers: list[Layer] = []
    merged: dict[str, Any] = {}
    clashes: list[tuple[str, ...]] = []
    found = False
    for document in documents:
        environment = _defined(document).get(name)
        if environment is None:
            continue
        found = True
        label = f"{document.path}:{name}"
        for crate in environment.configcrates:
            crates.setdefault(crate, label)
        excluded.update(environment.exclude_configcrates)
        if environment.vars:
            layers.append(Layer(label, document, ("environments", name, "vars"), environment.vars))
            merged = merge(merged, environment.vars, clashes)
    if not found:
        return None
    return EnvironmentChain(
        crates, frozenset(excluded), tuple(layers), merged, is_simple(layers, merged), tuple(clashes)
    )

"""Compile: a tree → a graph, or what is wrong with it. A pure function; a cache makes it quick, never different.

What is kept is kept by identity: a document, scope, role or crate that did not change is the same object as last time,
so what was made of nothing but those is taken over. A commit to one file costs that file and what it reaches.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from reconciler.documents import Document, DocumentCache, Kind, load
from reconciler.documents.complaints import diagnostic
from reconciler.graph import linking, ordering, plan, references, work
from reconciler.graph import roles as roles_
from reconciler.graph.crates import Crate, compile_crate
from reconciler.graph.findings import diagnostics_of
from reconciler.graph.graphs import Compilation, Graph
from reconciler.graph.linking import ContentCache, Linked
from reconciler.graph.matching import Matcher
from reconciler.graph.patterns import BadPattern, Pattern
from reconciler.graph.patterns import parse as parse_pattern
from reconciler.graph.profiles import CrateSet, Profile, Profiles
from reconciler.graph.resolution import resolve
from reconciler.graph.roles import RoleSet
from reconciler.graph.scopes import Scope, ScopeCache, Scopes
from reconciler.repository.trees import Tree
from schema.diagnostics import Diagnostic, Severity
from schema.documents.leaves import Leaf, MatchBlock

_PAUSE: Final = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class LeafResult:
    """What one leaf gave, and the names that it depends on."""

    document: Document
    scope: Scope
    uses: frozenset[str]
    """Crates and roles: when none of them changed, nothing here does."""
    profiles: Sequence[Profile]
    diagnostics: Sequence[Diagnostic]
    findings: bool
    """Whether any of its profiles lacks something."""


@dataclass
class Cache:
    """What is kept between compiles. One at a time uses it; that a tree was compiled with it changes no result."""

    documents: DocumentCache = field(default_factory=DocumentCache)
    contents: ContentCache = field(default_factory=ContentCache)
    scopes: ScopeCache = field(default_factory=ScopeCache)
    roles: RoleSet | None = None
    names: references.Known | None = None
    crates: dict[str, Crate] = field(default_factory=dict)
    """By path."""
    linked: dict[str, tuple[tuple[str | None, ...], Linked]] = field(default_factory=dict)
    """Path of a crate → the blob ids of its sources, and the crate linked with them."""
    by_name: dict[str, Linked] = field(default_factory=dict)
    sets: dict[tuple[Linked, ...], CrateSet] = field(default_factory=dict)
    leaves: dict[str, LeafResult] = field(default_factory=dict)
    matcher: Matcher | None = None
    shadows: list[tuple[int, int]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)


def compile_tree(tree: Tree, cache: Cache | None = None) -> Compilation:
    """What a tree means: the same for the same tree, whoever asks, and whatever was compiled before.

    Never raises for bad content: what is wrong stands in the diagnostics, all of it.
    """
    cache = Cache() if cache is None else cache
    with cache.lock, _without_collecting():
        return _Compile(tree, cache).run()


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Compiling makes many objects that stay; looking for garbage among them costs a third of the time."""
    if not _PAUSE.acquire(blocking=False):
        yield  # another thread has paused it, and will end the pause
        return
    try:
        was_on = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if was_on:
                gc.enable()
    finally:
        _PAUSE.release()


class _Compile:
    def __init__(self, tree: Tree, cache: Cache) -> None:
        self.tree: Final = tree
        self.cache: Final = cache
        self.documents: Final = load(tree, cache.documents)
        self.found: list[Diagnostic] = list(self.documents.diagnostics)

    def run(self) -> Compilation:
        documents, cache = self.documents, self.cache
        names = references.known(documents)
        by_name = self._crates()
        roles, changed_roles = roles_.read(documents, cache.roles)
        changed = changed_roles | _changed_crates(by_name, cache.by_name) | _changed_names(names, cache.names)
        self._check_shared(names, roles)
        cache.roles, cache.names, cache.by_name = roles, names, by_name
        leaves = self._leaves(by_name, roles, names, changed)
        order = [profile for leaf in leaves.values() for profile in leaf.profiles]
        matcher = self._matcher(order)
        if any(leaf.findings for leaf in leaves.values()):
            self.found += diagnostics_of(documents, order)
        ordered = _in_order(self.found)
        if any(each.severity is Severity.ERROR for each in ordered):
            return Compilation(None, ordered)
        return Compilation(self._graph(by_name, roles, order, matcher), ordered)

    # crates

    def _crates(self) -> dict[str, Linked]:
        documents, cache, entries = self.documents, self.cache, self.tree.entries()
        crates: dict[str, Crate] = {}
        linked: dict[str, tuple[tuple[str | None, ...], Linked]] = {}
        by_name: dict[str, Linked] = {}
        for document in documents.of(Kind.CONFIGCRATE):
            path = document.path
            crate = cache.crates.get(path)
            if crate is None or crate.document is not document:
                crate = compile_crate(document, lambda document=document: documents.marks(document))  # type: ignore[misc]
            crates[path] = crate
            oids = tuple(entry.oid if (entry := entries.get(each.path)) else None for each in crate.sources)
            kept = cache.linked.get(path)
            if kept is None or kept[0] != oids or kept[1].crate is not crate:
                marks = lambda document=document: documents.marks(document)  # noqa: E731
                kept = (oids, linking.link(crate, self.tree, entries, cache.contents, marks))
            linked[path] = kept
            self.found += crate.diagnostics
            self.found += kept[1].diagnostics
            first = by_name.setdefault(crate.name, kept[1])
            if first is not kept[1]:
                message = f"{first.crate.document.path} is the configcrate {crate.name}, too"
                self._complain("crate.duplicate", document, ("name",), message, "a crate's name is its file's stem")
        for document in documents.of(Kind.USERCRATE):
            self.found += compile_crate(document, lambda document=document: documents.marks(document)).diagnostics  # type: ignore[misc]
        cache.crates, cache.linked = crates, linked
        self._refuse_rings(by_name)
        return by_name

    def _refuse_rings(self, by_name: Mapping[str, Linked]) -> None:
        def waits_for(linked: Linked) -> list[Linked]:
            return [by_name[name] for name in linked.crate.depends_on if name in by_name]

        dependent = [linked for linked in by_name.values() if linked.crate.depends_on]
        for ring in ordering.cycles(dependent, waits_for):
            shown = " → ".join([*(each.name for each in ring), ring[0].name])
            document = ring[0].crate.document
            self._complain("crate.cycle", document, ("depends_on",), f"each depends on the next: {shown}")

    # what many hosts share

    def _check_shared(self, names: references.Known, roles: RoleSet) -> None:
        documents = self.documents
        for kind in (Kind.ROLES, Kind.INHERITED, Kind.ENVIRONMENTS, Kind.CONFIGCRATE, Kind.USERCRATE):
            for document in documents.of(kind):
                self.found += references.check(documents, document, names)
        for document in documents.of(Kind.INHERITED):
            self.found += references.check_usercrates(documents, document)
        for ring in roles.cycles:
            shown = " → ".join([*ring, ring[0]])
            if roles.document is not None:
                self._complain("role.cycle", roles.document, ("roles", ring[0]), f"each includes the next: {shown}")
        self.found += work.check(documents)

    # leaves

    def _leaves(
        self, by_name: Mapping[str, Linked], roles: RoleSet, names: references.Known, changed: frozenset[str]
    ) -> dict[str, LeafResult]:
        scopes = Scopes(self.documents, self.cache.scopes)
        profiles = Profiles(by_name, self.cache.sets)
        before = self.cache.leaves
        results: dict[str, LeafResult] = {}
        for document in self.documents.of(Kind.LEAF):
            scope = scopes.of(document.directory)
            kept = before.get(document.path)
            if (
                kept is None
                or kept.document is not document
                or kept.scope is not scope
                or not kept.uses.isdisjoint(changed)
            ):
                kept = self._leaf(document, scope, roles, names, profiles, kept, changed)
            results[document.path] = kept
            if kept.diagnostics:
                self.found += kept.diagnostics
        self.cache.leaves = results
        used = {id(profile.crates) for result in results.values() for profile in result.profiles}
        if len(self.cache.sets) > 2 * len(used) + 1_000:
            self.cache.sets = {key: value for key, value in self.cache.sets.items() if id(value) in used}
        return results

    def _leaf(
        self,
        document: Document,
        scope: Scope,
        roles: RoleSet,
        names: references.Known,
        profiles: Profiles,
        before: LeafResult | None,
        changed: frozenset[str],
    ) -> LeafResult:
        documents = self.documents
        found: list[Diagnostic] = []
        made: list[Profile] = []
        uses: set[str] = set()
        reusable = _reusable(before, document, scope, changed)
        counted: dict[str, int] = {}
        model = document.parsed.model
        for index, block in enumerate(model.envoys if isinstance(model, Leaf) else ()):
            uses.update(block.roles, block.configcrates, block.exclude_configcrates, block.usercrates)
            try:
                pattern = parse_pattern(block.match)
            except BadPattern as error:
                line, column = documents.place(document, ("envoys", index, "match"))
                found.append(diagnostic("match.pattern", document.path, line, column, str(error), error.hint))
                continue
            id_ = _profile_id(document.path, pattern, counted)
            profile = _taken_over(reusable, id_, document, index, block)
            if profile is None:
                resolution = resolve(document, index, block, scope, roles)
                profile = profiles.make(id_, pattern, document, index, resolution)
            uses.update(profile.resolution.crates, profile.resolution.roles)
            made.append(profile)
        uses.update(scope.excluded)
        found += references.check(documents, document, names)
        found += references.check_environments(documents, document, scope)
        found += references.check_usercrates(documents, document)
        lacking = any(profile.findings for profile in made)
        return LeafResult(document, scope, frozenset(uses), made, found, lacking)

    def _matcher(self, order: Sequence[Profile]) -> Matcher:
        patterns: list[Pattern] = [profile.pattern for profile in order]
        cache = self.cache
        if cache.matcher is None or cache.matcher.patterns != patterns:
            cache.matcher = Matcher(patterns)
            cache.shadows = list(cache.matcher.shadows())
        for hidden, by in cache.shadows:
            one, other = order[hidden], order[by]
            line, _ = self.documents.place(other.document, ("envoys", other.index, "match"))
            message = f"{one.match_pattern} can never apply"
            hint = f"{other.match_pattern} in {other.document.path}:{line} always applies in its stead"
            self._complain("match.shadowed", one.document, ("envoys", one.index, "match"), message, hint)
        return cache.matcher

    def _graph(
        self, by_name: Mapping[str, Linked], roles: RoleSet, order: Sequence[Profile], matcher: Matcher
    ) -> Graph:
        profiles = {profile.id: profile for profile in order}
        leaves = [profiles[id_].leaf_hash for id_ in sorted(profiles)]
        return Graph(
            self.tree.commit,
            self.tree.id,
            plan.root(leaves).hex(),
            profiles,
            by_name,
            self.documents,
            roles,
            matcher,
            order,
            {linked.crate.sha256: linked.crate.body for linked in by_name.values()},
            {each.ref.sha256: each.oid for linked in by_name.values() for each in linked.content.values()},
        )

    def _complain(
        self, code: str, document: Document, path: tuple[str | int, ...], message: str, hint: str = ""
    ) -> None:
        line, column = self.documents.place(document, path)
        self.found.append(diagnostic(code, document.path, line, column, message, hint))


def _changed_crates(now: Mapping[str, Linked], before: Mapping[str, Linked]) -> frozenset[str]:
    return frozenset(name for name in {*now, *before} if now.get(name) is not before.get(name))


def _changed_names(now: references.Known, before: references.Known | None) -> frozenset[str]:
    if before is None:
        return frozenset()
    changed: set[str] = set()
    for one, other in ((now.crates, before.crates), (now.roles, before.roles), (now.usercrates, before.usercrates)):
        if one != other:
            changed |= set(one) ^ set(other)
    return frozenset(changed)


def _reusable(
    before: LeafResult | None, document: Document, scope: Scope, changed: frozenset[str]
) -> dict[str, Profile]:
    """Profiles of a leaf's last version that only their own block could have changed."""
    if before is None or before.scope is not scope or before.document.parsed.whole != document.parsed.whole:
        return {}
    return {
        profile.id: profile
        for profile in before.profiles
        if changed.isdisjoint(profile.resolution.crates) and changed.isdisjoint(profile.resolution.roles)
    }


def _taken_over(
    reusable: Mapping[str, Profile], id_: str, document: Document, index: int, block: MatchBlock
) -> Profile | None:
    before = reusable.get(id_)
    if before is None:
        return None
    model = before.document.parsed.model
    if not isinstance(model, Leaf) or model.envoys[before.index] != block:
        return None
    return replace(before, document=document, index=index)


def _profile_id(path: str, pattern: Pattern, counted: dict[str, int]) -> str:
    id_ = f"{path}#{pattern.text}"
    counted[id_] = number = counted.get(id_, 0) + 1
    return id_ if number == 1 else f"{id_}#{number}"


def _in_order(found: Sequence[Diagnostic]) -> list[Diagnostic]:
    once = {(each.file, each.line, each.column, each.code, each.message): each for each in found}
    return [once[key] for key in sorted(once)]

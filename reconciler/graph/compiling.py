"""Compile: a tree → a graph, or what is wrong with it. A pure function; a cache makes it quick, never different.

What is kept is kept by identity: a document, scope, role or crate that did not change is the same object as last time,
so what was made of nothing but those is taken over. A commit to one file costs that file and what it reaches.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final
from weakref import WeakValueDictionary

from reconciler.documents import Document, DocumentCache, Documents, Kind, load
from reconciler.documents.complaints import diagnostic
from reconciler.documents.kinds import ROOT, place
from reconciler.graph import assertions, plan, references, work
from reconciler.graph import roles as roles_
from reconciler.graph.crate_sets import CrateSet
from reconciler.graph.findings import diagnostics_of
from reconciler.graph.graphs import Compilation, Graph
from reconciler.graph.leaves import LeafResult, Leaves
from reconciler.graph.library import Library, build
from reconciler.graph.linking import ContentCache, Linked
from reconciler.graph.matching import Matcher
from reconciler.graph.profiles import MAX_PLAN_BYTES, PlanTooLargeError, Profile, Profiles
from reconciler.graph.roles import RoleSet
from reconciler.graph.scopes import ScopeCache, Scopes
from reconciler.repository.trees import Tree
from schema.diagnostics import Diagnostic, Severity

_SHARED: Final = (Kind.ROLES, Kind.INHERITED, Kind.ENVIRONMENTS, Kind.CONFIGCRATE, Kind.USERCRATE)
_PAUSE: Final = threading.Lock()


@dataclass
class Cache:
    """What is kept between compiles. One at a time uses it; that a tree was compiled with it changes no result."""

    documents: DocumentCache = field(default_factory=DocumentCache)
    contents: ContentCache = field(default_factory=ContentCache)
    scopes: ScopeCache = field(default_factory=ScopeCache)
    last: Documents | None = None
    """What all that follows was made of."""
    roles: RoleSet | None = None
    names: references.Known | None = None
    library: Library | None = None
    about_shared: dict[str, list[Diagnostic]] = field(default_factory=dict)
    """Path of a document that many hosts share → what it names and is not there."""
    about_work: list[Diagnostic] = field(default_factory=list)
    about_waivers: list[Diagnostic] = field(default_factory=list)
    about_tests: assertions.Told | None = None
    sets: WeakValueDictionary[tuple[Linked, ...], CrateSet] = field(default_factory=WeakValueDictionary)
    """Each lives as long as a profile has it."""
    leaves: dict[str, LeafResult] = field(default_factory=dict)
    matcher: Matcher | None = None
    shadows: list[tuple[int, int]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    """Of profiles, as their blocks stand."""
    by_id: list[int] = field(default_factory=list)
    """Their places in the order of ids, which is that of the plan's leaves."""
    rows: plan.Rows | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def fork(self) -> Cache:
        """A copy, for another thread to compile another tree with (a branch, a past commit) as quickly.

        Cheap: what it was made of is shared, since none of it ever changes. Neither sees what the other compiles next.
        Waits while a compile with this cache is under way.
        """
        with self.lock:
            return replace(
                self,
                documents=self.documents.fork(),
                scopes=ScopeCache(dict(self.scopes.made)),
                about_shared=dict(self.about_shared),
                lock=threading.RLock(),
            )


def compile_tree(tree: Tree, cache: Cache | None = None) -> Compilation:
    """What a tree means: the same for the same tree, whoever asks, and whatever was compiled before.

    Never raises for bad content: what is wrong stands in the diagnostics, all of it.
    """
    cache = Cache() if cache is None else cache
    with cache.lock, _without_collecting(cold=cache.last is None):
        documents = load(tree, cache.documents)
        try:
            return _Compile(documents, cache).run()
        except PlanTooLargeError:
            cache.last, cache.leaves = None, {}
            message = f"the catalogs of all match blocks take more than {MAX_PLAN_BYTES} bytes"
            hint = "put long texts into files"
            return Compilation(None, [diagnostic("plan.too-large", ROOT, 1, 1, message, hint)])
        except BaseException:
            cache.last = None  # what is kept may belong to two trees
            raise


@contextmanager
def _without_collecting(*, cold: bool) -> Iterator[None]:
    """Many objects are made that stay: looking for garbage among them would cost a fourth of a cold compile."""
    if not _PAUSE.acquire(blocking=False):
        yield
        return
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if cold and gc.get_freeze_count() == 0:
                # Together they move all that is there to the oldest generation, unlooked at. Not each time: it is
                # looked at so seldom that the little garbage of each compile would pile up there.
                gc.freeze()
                gc.unfreeze()
            gc.enable()
        _PAUSE.release()


class _Compile:
    def __init__(self, documents: Documents, cache: Cache) -> None:
        self.documents: Final = documents
        self.cache: Final = cache
        self.found: list[Diagnostic] = documents.diagnostics
        before = cache.last
        steady = before is not None and (documents.before is before or documents is before)
        self.changed: Final = documents.changed if steady and documents is not before else frozenset[str]()
        self.cold: Final = not steady
        """Whether nothing is known of what was before this tree."""
        self.kinds: Final = {kind for path in self.changed if isinstance(kind := place(path), Kind)}
        """Kinds of the documents that changed, came or went."""
        self.renamed: Final = self.cold or any(
            (path in documents.by_path) is not (before is not None and path in before.by_path) for path in self.changed
        )
        """Whether documents came or went."""

    def run(self) -> Compilation:
        documents, cache = self.documents, self.cache
        names = references.known(documents) if self.renamed or self._touched(Kind.ROLES) else cache.names
        assert names is not None
        library = cache.library
        if self.cold or self.changed:
            library = build(documents, None if self.cold else library, cache.contents)
        assert library is not None
        self.found += library.diagnostics
        roles, changed_roles = roles_.read(documents, cache.roles)
        changed_names = _changed_names(names, cache.names)
        self._check_shared(names, roles, anew=self.cold or bool(changed_names))
        self._check_work()
        changed_crates = _changed_crates(library, cache.library)
        leaves = self._leaves(
            Leaves(documents, roles, names, Profiles(library.by_name, cache.sets, library.usercrates)),
            changed_crates,
            changed_roles | changed_names,
        )
        cache.last, cache.roles, cache.names, cache.library, cache.leaves = documents, roles, names, library, leaves
        order = [profile for leaf in leaves.values() for profile in leaf.profiles]
        matcher = self._matcher(order)
        cache.about_tests = assertions.check(documents, names, library.by_name, matcher, cache.about_tests)
        self.found += cache.about_tests.diagnostics
        if any(leaf.lacking for leaf in leaves.values()):
            self.found += diagnostics_of(documents, order)
        ordered = _in_order(self.found)
        if any(each.severity is Severity.ERROR for each in ordered):
            return Compilation(None, ordered)
        return Compilation(self._graph(library, roles, order, matcher), ordered)

    def _touched(self, *kinds: Kind) -> bool:
        return self.cold or not self.kinds.isdisjoint(kinds)

    # what many hosts share

    def _check_shared(self, names: references.Known, roles: RoleSet, *, anew: bool) -> None:
        documents, about = self.documents, self.cache.about_shared
        if anew:
            about.clear()
        for kind in _SHARED:
            if not anew and kind not in self.kinds:
                continue
            for document in documents.of(kind):
                if anew or document.path in self.changed:
                    about[document.path] = references.check(documents, document, names)
        for path in self.changed:
            if path not in documents.by_path:
                about.pop(path, None)
        for found in about.values():
            self.found += found
        for ring in roles.cycles:
            shown = " → ".join([*ring, ring[0]])
            assert roles.document is not None
            message = f"each includes the next: {shown}"
            self.found.append(self._about("role.cycle", roles.document, ("roles", ring[0]), message))

    def _check_work(self) -> None:
        if self._touched(Kind.TASK, Kind.WORKFLOW):
            self.cache.about_work = work.check(self.documents)
        if self._touched(*work.WAIVED):
            self.cache.about_waivers = work.check_waivers(self.documents)
        self.found += self.cache.about_work
        self.found += self.cache.about_waivers

    # leaves

    def _leaves(
        self, leaves: Leaves, changed_crates: frozenset[str], changed_names: frozenset[str]
    ) -> dict[str, LeafResult]:
        if not changed_names and not self._touched(Kind.LEAF, Kind.INHERITED, Kind.ENVIRONMENTS):
            results = dict(self.cache.leaves)
            stale = [path for path, kept in results.items() if not kept.uses.isdisjoint(changed_crates)]
            for path in stale:
                results[path] = leaves.remake(results[path], changed_crates)
        else:
            results = self._all_leaves(leaves, changed_crates, changed_names)
        for result in results.values():
            if result.diagnostics:
                self.found += result.diagnostics
        return results

    def _all_leaves(
        self, leaves: Leaves, changed_crates: frozenset[str], changed_names: frozenset[str]
    ) -> dict[str, LeafResult]:
        scopes = Scopes(self.documents, self.cache.scopes)
        same_scopes = not self._touched(Kind.INHERITED, Kind.ENVIRONMENTS)
        changed = changed_crates | changed_names
        before = self.cache.leaves
        results: dict[str, LeafResult] = {}
        for document in self.documents.of(Kind.LEAF):
            path = document.path
            kept = before.get(path)
            if kept is not None and kept.document is document:
                scope = kept.scope if same_scopes else scopes.of(document.directory)
                # What is wrong with names is told anew whenever one comes or goes: a hint may name it.
                renamed = bool(changed_names) and (kept.diagnostics or not changed_names.isdisjoint(kept.uses))
                if kept.scope is not scope or renamed:
                    kept = leaves.make(document, scope, kept, changed)
                elif not changed_crates.isdisjoint(kept.uses):
                    kept = leaves.remake(kept, changed_crates)
            else:
                kept = leaves.make(document, scopes.of(document.directory), kept, changed)
            results[path] = kept
        return results

    def _matcher(self, order: Sequence[Profile]) -> Matcher:
        patterns = [profile.pattern for profile in order]
        cache = self.cache
        if cache.matcher is None or cache.matcher.patterns != patterns:
            cache.matcher = Matcher(patterns)
            cache.shadows = list(cache.matcher.shadows())
        for hidden, by in cache.shadows:
            one, other = order[hidden], order[by]
            line, _ = self.documents.place(other.document, ("envoys", other.index, "match"))
            message = f"{one.match_pattern} can never apply"
            hint = f"{other.match_pattern} in {other.document.path}:{line} always applies in its stead"
            self.found.append(
                self._about("match.shadowed", one.document, ("envoys", one.index, "match"), message, hint)
            )
        return cache.matcher

    def _graph(self, library: Library, roles: RoleSet, order: Sequence[Profile], matcher: Matcher) -> Graph:
        by_name, usercrates = library.by_name, library.usercrates
        delivered = [*by_name.values(), *usercrates.values()]
        profiles = {profile.id: profile for profile in order}
        ids = list(profiles)
        if ids != self.cache.ids:
            self.cache.ids, self.cache.by_id = ids, sorted(range(len(ids)), key=ids.__getitem__)
        self.cache.rows = plan.build([order[at].leaf_hash for at in self.cache.by_id], self.cache.rows)
        return Graph(
            self.documents.tree.commit,
            self.documents.tree.id,
            plan.root(self.cache.rows).hex(),
            profiles,
            by_name,
            self.documents,
            roles,
            matcher,
            order,
            {linked.crate.sha256: linked.crate.body for linked in delivered},
            {each.ref.sha256: each.oid for linked in delivered for each in linked.content.values()},
            usercrates,
        )

    def _about(
        self, code: str, document: Document, path: tuple[str | int, ...], message: str, hint: str = ""
    ) -> Diagnostic:
        return diagnostic(code, document.path, *self.documents.place(document, path), message, hint)


def _changed_crates(now: Library, before: Library | None) -> frozenset[str]:
    if before is None or now is before:
        return frozenset()
    changed: set[str] = set()
    for one, other in ((now.by_name, before.by_name), (now.usercrates, before.usercrates)):
        changed.update(name for name, linked in one.items() if other.get(name) is not linked)
        changed.update(other.keys() - one.keys())
    return frozenset(changed)


def _changed_names(now: references.Known, before: references.Known | None) -> frozenset[str]:
    """Names of crates, roles and usercrates that came or went."""
    if before is None or now is before:
        return frozenset()
    both = ((now.crates, before.crates), (now.roles, before.roles), (now.usercrates, before.usercrates))
    return frozenset().union(*(set(one) ^ set(other) for one, other in both))


def _in_order(found: Sequence[Diagnostic]) -> list[Diagnostic]:
    once = {(each.file, each.line, each.column, each.code, each.message): each for each in found}
    return [once[key] for key in sorted(once)]

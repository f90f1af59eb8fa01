"""Compile: a tree → a graph, or what is wrong with it. A pure function; a cache makes it quick, never different.

What is kept is kept by identity: a document, scope, role or crate that did not change is the same object as last time,
so what was made of nothing but those is taken over. A commit to one file costs that file and what it reaches.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from weakref import WeakValueDictionary

from reconciler.collecting import without_collecting
from reconciler.documents import Document, DocumentCache, Documents, Kind, load
from reconciler.documents.complaints import diagnostic
from reconciler.documents.kinds import ROOT, place
from reconciler.graph import assertions, fleetwide, references, work
from reconciler.graph import blocks as blocks_
from reconciler.graph import roles as roles_
from reconciler.graph.blocks import Blocks
from reconciler.graph.crate_sets import CrateSet
from reconciler.graph.findings import diagnostics_of
from reconciler.graph.graphs import Compilation, Graph
from reconciler.graph.leaves import LeafResult, Leaves
from reconciler.graph.library import Library, build
from reconciler.graph.linking import ContentCache, Linked
from reconciler.graph.profiles import MAX_PLAN_BYTES, PlanTooLargeError, Profiles
from reconciler.graph.roles import RoleSet
from reconciler.graph.scopes import ScopeCache, Scopes
from reconciler.overlays import differences, overlaid
from reconciler.repository.trees import Tree
from schema.diagnostics import Diagnostic, Severity

_NAMED: Final = frozenset({Kind.CONFIGCRATE, Kind.USERCRATE})
_SHARED: Final = (Kind.ROLES, Kind.INHERITED, Kind.ENVIRONMENTS, Kind.CONFIGCRATE, Kind.USERCRATE)


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
    about_waived: work.WaivedHosts | None = None
    about_fleet: fleetwide.Told | None = None
    sets: WeakValueDictionary[tuple[Linked, ...], CrateSet] = field(default_factory=WeakValueDictionary)
    """Each lives as long as a profile has it."""
    blocks: Blocks | None = None
    sound: bool = False
    """Whether the last compile gave a graph."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def leaves(self) -> Mapping[str, LeafResult]:
        """What each leaf gave, by path."""
        return self.blocks.leaves if self.blocks is not None else {}

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
    with cache.lock, without_collecting(cold=cache.last is None):
        documents = load(tree, cache.documents)
        try:
            return _Compile(documents, cache).run()
        except PlanTooLargeError:
            cache.last, cache.blocks = None, None
            message = f"the catalogs of all match blocks take more than {MAX_PLAN_BYTES} bytes"
            hint = "put long texts into files"
            return Compilation(None, [diagnostic("plan.too-large", ROOT, 1, 1, message, hint)], documents)
        except BaseException:
            cache.last = None  # what is kept may belong to two trees
            raise


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
            place(path) in _NAMED and (path in documents.by_path) is not (before is not None and path in before.by_path)
            for path in self.changed
        )
        """Whether documents that are known by name came or went."""

    def run(self) -> Compilation:
        documents, cache = self.documents, self.cache
        cache.sound = False
        names = references.known(documents) if self.renamed or self._touched(Kind.ROLES) else cache.names
        assert names is not None
        library = cache.library
        if self.cold or self.changed:
            library = build(documents, None if self.cold else library, cache.contents)
        assert library is not None
        self.found += library.diagnostics
        roles, changed_roles = roles_.read(documents, cache.roles)
        changed_names = _changed_names(names, cache.names)
        paths = None if self.cold or not _has_all(names, cache.names) else self.changed
        if paths is not None and changed_names:
            paths |= cache.about_shared.keys()  # what they name may be there now, or there is another hint
        self._check_shared(names, roles, paths)
        self._check_work()
        changed_crates = _changed_crates(library, cache.library)
        blocks = self._blocks(
            Leaves(documents, roles, names, Profiles(library.by_name, cache.sets, library.usercrates, cold=self.cold)),
            changed_crates,
            changed_roles | changed_names,
        )
        cache.last, cache.roles, cache.names, cache.library, cache.blocks = documents, roles, names, library, blocks
        self._check_blocks(blocks)
        cache.about_tests = assertions.check(documents, names, library.by_name, blocks.matcher, cache.about_tests)
        cache.about_waived = work.check_waived_hosts(documents, blocks.matcher, cache.about_waived)
        self.found += cache.about_tests.diagnostics
        self.found += cache.about_waived.diagnostics
        cache.about_fleet = fleetwide.check(documents, names, blocks.matcher, cache.about_fleet)
        self.found += cache.about_fleet.diagnostics
        ordered = _in_order(self.found)
        cache.sound = all(each.severity is not Severity.ERROR for each in ordered)
        if not cache.sound:
            return Compilation(None, ordered, documents)
        return Compilation(self._graph(library, roles, blocks), ordered, documents)

    def _touched(self, *kinds: Kind) -> bool:
        return self.cold or not self.kinds.isdisjoint(kinds)

    # what many hosts share

    def _check_shared(self, names: references.Known, roles: RoleSet, paths: Collection[str] | None) -> None:
        """Say what documents that many hosts share name that does not exist.

        Args:
            paths: of those about which something else may be wrong than was; None for all.
        """
        documents, about = self.documents, self.cache.about_shared
        if paths is None:
            about.clear()
            shared = [document for kind in _SHARED for document in documents.of(kind)]
        else:
            shared = [document for path in paths if (document := documents.by_path.get(path)) is not None]
            for path in paths:
                about.pop(path, None)
        for document in shared:
            if document.kind in _SHARED and (found := references.check(documents, document, names)):
                about[document.path] = found
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

    def _blocks(self, leaves: Leaves, changed_crates: frozenset[str], changed_names: frozenset[str]) -> Blocks:
        before = self.cache.blocks
        if self.cold or before is None:
            scopes = Scopes(self.documents, self.cache.scopes)
            made = {
                document.path: leaves.make(document, scopes.of(document.directory), None, changed_crates)
                for document in self.documents.of(Kind.LEAF)
            }
            return blocks_.make(made)
        fresh = {path for path in self.changed if self._is_leaf(path)}
        gone = {path for path in self.changed if path in before.leaves and path not in fresh}
        fresh |= self._under_changed(before)
        if changed_names:
            # What is wrong with names is told anew whenever one comes or goes: a hint may name it.
            fresh.update(path for path in before.told if path not in gone)
            fresh.update(path for path in before.using.of(changed_names, before.leaves) if path not in gone)
        redone: dict[str, LeafResult] = {}
        for path in before.using.of(changed_crates, before.leaves) if changed_crates else ():
            if path in gone:
                continue
            if not before.leaves[path].is_whole:
                fresh.add(path)
            elif path not in fresh:
                redone[path] = leaves.remake(before.leaves[path], changed_crates)
        if fresh:
            scopes = Scopes(self.documents, self.cache.scopes)
            changed = changed_crates | changed_names
            for path in sorted(fresh):
                document = self.documents.by_path[path]
                kept = before.leaves.get(path)
                redone[path] = leaves.make(document, scopes.of(document.directory), kept, changed)
        return blocks_.change(before, overlaid(before.leaves, redone, gone), redone.keys() | gone)

    def _is_leaf(self, path: str) -> bool:
        document = self.documents.by_path.get(path)
        return document is not None and document.kind is Kind.LEAF

    def _under_changed(self, before: Blocks) -> set[str]:
        """Leaves that are still there, in and under directories of which what they inherit has changed."""
        if not self._touched(Kind.INHERITED, Kind.ENVIRONMENTS):
            return set()
        above = {
            path[: path.rfind("/") + 1] for path in self.changed if place(path) in (Kind.INHERITED, Kind.ENVIRONMENTS)
        }
        by_path = self.documents.by_path
        below = (path for directory in above for path in before.using.below(directory, before.leaves))
        return {path for path in below if path in by_path}

    def _check_blocks(self, blocks: Blocks) -> None:
        for leaf in blocks.told.values():
            self.found += leaf.diagnostics
        order = blocks.order
        for hidden, by in blocks.matcher.shadows():
            one, other = order[hidden], order[by]
            line, _ = self.documents.place(other.document, ("envoys", other.index, "match"))
            message = f"{one.match_pattern} can never apply"
            hint = f"{other.match_pattern} in {other.document.path}:{line} always applies in its stead"
            self.found.append(
                self._about("match.shadowed", one.document, ("envoys", one.index, "match"), message, hint)
            )
        if blocks.lacking:
            profiles = [profile for path in sorted(blocks.lacking) for profile in blocks.leaves[path].profiles]
            self.found += diagnostics_of(self.documents, profiles)

    def _graph(self, library: Library, roles: RoleSet, blocks: Blocks) -> Graph:
        return Graph(
            self.documents.tree.commit,
            self.documents.tree.id,
            blocks.plan.root.hex(),
            blocks.profiles,
            library.by_name,
            self.documents,
            roles,
            blocks.matcher,
            blocks.order,
            library.usercrates,
            blocks.plan,
        )

    def _about(
        self, code: str, document: Document, path: tuple[str | int, ...], message: str, hint: str = ""
    ) -> Diagnostic:
        return diagnostic(code, document.path, *self.documents.place(document, path), message, hint)


def _changed_crates(now: Library, before: Library | None) -> frozenset[str]:
    if before is None or now is before:
        return frozenset()
    return frozenset(differences(now.by_name, before.by_name) | differences(now.usercrates, before.usercrates))


def _changed_names(now: references.Known, before: references.Known | None) -> frozenset[str]:
    """Names of crates, roles and usercrates that came or went."""
    if before is None or now is before:
        return frozenset()
    both = ((now.crates, before.crates), (now.roles, before.roles), (now.usercrates, before.usercrates))
    return frozenset().union(*(set(one) ^ set(other) for one, other in both))


def _has_all(now: references.Known, before: references.Known | None) -> bool:
    """Whether no name of before is missing."""
    return before is not None and (
        now is before
        or (now.crates >= before.crates and now.roles >= before.roles and now.usercrates >= before.usercrates)
    )


def _in_order(found: Sequence[Diagnostic]) -> list[Diagnostic]:
    once = {(each.file, each.line, each.column, each.code, each.message): each for each in found}
    return [once[key] for key in sorted(once)]

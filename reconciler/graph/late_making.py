"""Late making: what was not stored of documents, crates and profiles, computed when somebody asks.

An origin is the state that was stored. What it fills belongs to files that have not changed since, or nobody would ask.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from reconciler.documents.loading import Document, Documents, parse
from reconciler.documents.marks import Marks
from reconciler.graph import linking
from reconciler.graph.crates import compile_crate
from reconciler.graph.leaves import LeafResult
from reconciler.graph.library import Library
from reconciler.graph.linking import Linked
from reconciler.graph.profiles import Profile, Profiles
from reconciler.graph.resolution import resolve
from reconciler.graph.roles import RoleSet
from reconciler.graph.scopes import ScopeCache, Scopes
from reconciler.late import close, is_filled
from schema.documents.leaves import Leaf

if TYPE_CHECKING:
    from reconciler.graph.compiling import Cache

_OF_LINKED: Final = tuple(each.name for each in fields(Linked))
_OF_PROFILE: Final = ("resolution", "crates", "usercrates", "catalog_body")


class StoreUnfitError(Exception):
    """What was stored does not fit the files that it is about: a fault of ours, or of the disk."""


class Origin:
    """What objects that were restored are filled from. Threads may share it."""

    def __init__(self) -> None:
        self._lock: Final = threading.RLock()

    def begin(self, cache: Cache, documents: Documents) -> None:
        """Know what documents are made of. The cache moves on; what is kept here does not."""
        self._parsed = cache.documents.parsed
        self._contents = cache.contents
        self._documents = documents

    def know(self, cache: Cache, documents: Documents, roles: RoleSet, library: Library) -> None:
        """Know what profiles are made of."""
        self._roles = roles
        self._scopes = Scopes(documents, ScopeCache())
        self._profiles = Profiles(library.by_name, cache.sets, library.usercrates)

    def document(self, made: Document) -> None:
        """Fill what a file says."""
        with self._lock:
            if is_filled(made):  # by another thread, while we waited
                return
            key = (made.kind, made.oid)
            parsed = self._parsed.get(key)
            if parsed is None:
                parsed = self._parsed[key] = parse(self._documents.tree.read(made.oid), made.kind)
            close(made, parsed=parsed)

    def linked(self, path: str) -> Callable[[Linked], None]:
        """What fills the crate at a path."""

        def fill(made: Linked) -> None:
            with self._lock:
                if is_filled(made):
                    return
                documents = self._documents
                document = documents.by_path[path]

                def marks() -> Marks:
                    return documents.marks(document)

                crate = compile_crate(document, marks)
                whole = linking.link(crate, documents.tree, documents.entries, self._contents, marks)
                close(made, **{name: getattr(whole, name) for name in _OF_LINKED})

        return fill

    def profile(self, made: Profile) -> None:
        """Fill what a block resolves to, and its catalog.

        Raises:
            StoreUnfitError: the catalog is another than its digest says.
        """
        with self._lock:
            if is_filled(made):
                return
            document, index = made.document, made.index
            model = document.parsed.model
            if not isinstance(model, Leaf) or index >= len(model.envoys):
                raise StoreUnfitError(made.id)
            scope = self._scopes.of(document.directory)
            resolution = resolve(document, index, model.envoys[index], scope, self._roles)
            whole = self._profiles.make(made.id, made.pattern, document, index, resolution)
            if whole.catalog_sha256 != made.catalog_sha256:
                raise StoreUnfitError(made.id)
            close(made, **{name: getattr(whole, name) for name in _OF_PROFILE})

    def leaf(self, made: LeafResult) -> None:
        """Fill what a leaf inherits."""
        with self._lock:
            if is_filled(made):
                return
            close(made, scope=self._scopes.of(made.document.directory))

"""Workspaces: a folder with what is typed over it, compiled again after each change; and what one compile gave.

A file that is not YAML while somebody types is judged alone: for all others it stays what it was when it could last be
read, so that one open bracket does not take every role away from the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from reconciler.authoring.texts import Text
from reconciler.authoring.trees import Folder, Overlaid
from reconciler.documents import Document, Documents, Kind
from reconciler.documents.compose import compose
from reconciler.documents.kinds import place
from reconciler.graph import Cache, Graph, Profile, compile_tree
from reconciler.graph.linking import Linked
from reconciler.graph.roles import RoleSet
from reconciler.repository.faults import RepositoryDamaged
from reconciler.repository.trees import Tree
from schema.diagnostics import Diagnostic

MAX_BUFFERS: Final = 1_000
"""Open files that are looked at; others are as they are on disk."""
_TRIES: Final = 3


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What all files mean at one moment."""

    documents: Documents
    diagnostics: Sequence[Diagnostic]
    graph: Graph | None
    """None when a diagnostic is an error; the rest is there all the same, as far as it goes."""
    profiles: Sequence[Profile]
    crates: Mapping[str, Linked]
    """Configcrates by name."""
    usercrates: Mapping[str, Linked]
    """By name."""
    roles: RoleSet
    broken: frozenset[str] = frozenset()
    """Paths that cannot be read as they are; `documents` has them as they last could."""

    def kind(self, path: str) -> Kind | None:
        """The kind of document at a path; None for what is none."""
        found = place(path)
        return found if isinstance(found, Kind) else None

    def document(self, path: str) -> Document | None:
        """The document at a path."""
        return self.documents.by_path.get(path)

    def text(self, path: str) -> Text | None:
        """The text of a file; None when it is not there any more, or not UTF-8."""
        entry = self.documents.entries.get(path)
        if entry is None:
            return None
        try:
            return Text(self.documents.tree.read(entry.oid).decode("utf-8"))
        except (UnicodeDecodeError, RepositoryDamaged):
            return None


class Workspace:
    """One config repository under somebody's hands. One thread at a time uses it."""

    def __init__(self, root: Path) -> None:
        self._folder: Final = Folder(root)
        self._cache: Final = Cache()
        self._tree: Tree | None = None
        self._sound: dict[str, bytes] = {}
        """Of open files, the bytes that could last be read."""

    def refresh(self) -> None:
        """Look at the folder anew when it is next needed."""
        self._tree = None

    def judge(self, buffers: Mapping[str, str]) -> Snapshot:
        """What the folder means with these texts in place of their files.

        Args:
            buffers: path in the tree → text.

        Raises:
            Fault: the folder cannot be read, or keeps changing under the eyes.
        """
        for attempt in range(_TRIES):
            if self._tree is None:
                self._tree = self._folder.tree()
            try:
                return self._judge(self._tree, buffers)
            except RepositoryDamaged:
                self._tree = None
                if attempt == _TRIES - 1:
                    raise
        raise AssertionError  # the loop returns or raises

    def _judge(self, tree: Tree, buffers: Mapping[str, str]) -> Snapshot:
        typed = {path: text.encode("utf-8", "surrogatepass") for path, text in list(buffers.items())[:MAX_BUFFERS]}
        broken: dict[str, list[Diagnostic]] = {}
        for path, data in typed.items():
            if isinstance(place(path), Kind):
                composed = compose(data)
                if composed.data is None and composed.complaints:
                    broken[path] = [each.at(path) for each in composed.complaints]
                else:
                    self._sound[path] = data
        for path in [each for each in self._sound if each not in typed]:
            del self._sound[path]
        held: dict[str, bytes] = {}
        for path in broken:
            entry = tree.entries().get(path)
            before = self._sound.get(path, tree.read(entry.oid) if entry is not None else b"")
            composed = compose(before)
            if composed.data is not None:
                held[path] = before
        seen = snapshot_of(Overlaid(tree, {**typed, **held}), self._cache)
        if not broken:
            return seen
        others = [each for each in seen.diagnostics if each.file not in broken]
        own = [each for path in broken for each in broken[path]]
        found = sorted([*others, *own], key=lambda each: (each.file, each.line, each.column, each.code))
        return replace(seen, diagnostics=found, graph=None, broken=frozenset(broken))


def snapshot_of(tree: Tree, cache: Cache | None = None) -> Snapshot:
    """What a tree means."""
    cache = Cache() if cache is None else cache
    compilation = compile_tree(tree, cache)
    documents, library = cache.last, cache.library
    if documents is None or library is None:  # more than a plan may hold: there is nothing to ask
        documents = cache.documents.last
        assert documents is not None
        return Snapshot(documents, compilation.diagnostics, None, (), {}, {}, RoleSet())
    graph = compilation.graph
    profiles = graph.order if graph is not None else [one for leaf in cache.leaves.values() for one in leaf.profiles]
    crates, usercrates, roles = library.by_name, library.usercrates, cache.roles or RoleSet()
    return Snapshot(documents, compilation.diagnostics, graph, profiles, crates, usercrates, roles)

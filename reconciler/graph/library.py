"""The library: the crates of one tree, each compiled and linked with what it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.documents import Document, Documents, Kind
from reconciler.documents.complaints import diagnostic
from reconciler.documents.kinds import CONTENT
from reconciler.documents.marks import Marks
from reconciler.graph import linking, ordering
from reconciler.graph.crates import compile_crate
from reconciler.graph.linking import ContentCache, Linked
from schema.diagnostics import Diagnostic


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """The crates of one tree. What did not change is the same object as in the library before it."""

    linked: Mapping[str, Linked]
    """By path; usercrates, too."""
    by_name: Mapping[str, Linked]
    """Configcrates."""
    blamed: Mapping[str, Sequence[Diagnostic]]
    """Path of a crate → what is wrong with it."""
    usercrates: Mapping[str, Linked]
    about_all: Sequence[Diagnostic]
    """What is wrong with crates together: names that two have, rings of dependencies."""

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """All that is wrong with crates."""
        return [*(each for found in self.blamed.values() for each in found), *self.about_all]


def build(documents: Documents, before: Library | None, contents: ContentCache) -> Library:
    """The library of a tree.

    Args:
        before: the library of `documents.before`; None where there is none.
    """
    changed = documents.changed
    crates = (*documents.of(Kind.CONFIGCRATE), *documents.of(Kind.USERCRATE))
    if before is None:
        stale: list[Document] = list(crates)
        linked: dict[str, Linked] = {}
        blamed: dict[str, Sequence[Diagnostic]] = {}
    else:
        sources_changed = any(path.partition("/")[0] in CONTENT for path in changed)
        stale = [
            each
            for each in crates
            if each.path in changed or (sources_changed and _names_any(before.linked[each.path], changed))
        ]
        linked, blamed = dict(before.linked), dict(before.blamed)
        for path in changed:
            if path not in documents.by_path:
                linked.pop(path, None)
                blamed.pop(path, None)
    for document in stale:
        made = linked[document.path] = _link(documents, document, linked.get(document.path), contents)
        blamed[document.path] = [*made.crate.diagnostics, *made.diagnostics]
    if before is not None and not stale and linked.keys() == before.linked.keys():
        return before
    by_name, doubles = _by_name(documents, linked, Kind.CONFIGCRATE)
    usercrates, more = _by_name(documents, linked, Kind.USERCRATE)
    rings = (*_rings(documents, by_name), *_rings(documents, usercrates))
    return Library(linked, by_name, blamed, usercrates, [*doubles, *more, *rings])


def _names_any(linked: Linked, changed: frozenset[str]) -> bool:
    """Whether a crate is linked anew: something it names changed, or is missing, when a hint may name what has come."""
    return any(source.path in changed or source.path not in linked.content for source in linked.crate.sources)


def _link(documents: Documents, document: Document, before: Linked | None, contents: ContentCache) -> Linked:
    marks = _marks(documents, document)
    crate = before.crate if before is not None else None
    if crate is None or crate.document is not document:
        crate = compile_crate(document, marks)
    return linking.link(crate, documents.tree, documents.entries, contents, marks)


def _marks(documents: Documents, document: Document) -> Callable[[], Marks]:
    return lambda: documents.marks(document)


def _by_name(
    documents: Documents, linked: Mapping[str, Linked], kind: Kind
) -> tuple[dict[str, Linked], list[Diagnostic]]:
    by_name: dict[str, Linked] = {}
    doubles: list[Diagnostic] = []
    for document in documents.of(kind):
        each = linked[document.path]
        first = by_name.setdefault(each.name, each)
        if first is not each:
            message = f"{first.crate.document.path} is the {kind} {each.name}, too"
            line, column = documents.place(document, ("name",))
            hint = "a crate's name is its file's stem"
            doubles.append(diagnostic("crate.duplicate", document.path, line, column, message, hint))
    return by_name, doubles


def _rings(documents: Documents, by_name: Mapping[str, Linked]) -> Iterator[Diagnostic]:
    def waits_for(linked: Linked) -> list[Linked]:
        return [by_name[name] for name in linked.crate.depends_on if name in by_name]

    dependent = [linked for linked in by_name.values() if linked.crate.depends_on]
    for ring in ordering.cycles(dependent, waits_for):
        shown = " → ".join([*(each.name for each in ring), ring[0].name])
        document = ring[0].crate.document
        line, column = documents.place(document, ("depends_on",))
        yield diagnostic("crate.cycle", document.path, line, column, f"each depends on the next: {shown}")

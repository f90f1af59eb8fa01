"""The library: the crates of one tree, each compiled and linked with what it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from reconciler.documents import Document, Documents, Kind
from reconciler.documents.complaints import diagnostic
from reconciler.documents.kinds import CONTENT
from reconciler.documents.marks import Marks
from reconciler.graph import linking, ordering
from reconciler.graph.crates import compile_crate
from reconciler.graph.linking import ContentCache, Linked
from reconciler.late import is_filled
from reconciler.overlays import overlaid
from schema.diagnostics import Diagnostic


class Facts(NamedTuple):
    """Of a crate, what decides when it is linked anew, without a look at the crate."""

    sources: tuple[str, ...]
    """Paths of the content that it names."""
    depends_on: tuple[str, ...]
    incomplete: bool
    """Whether some content that it names is missing: a hint may name what comes."""


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """The crates of one tree. What did not change is the same object as in the library before it."""

    linked: Mapping[str, Linked]
    """By path; usercrates, too."""
    facts: Mapping[str, Facts]
    """By path."""
    named: Mapping[str, Sequence[str]]
    """Path of content → paths of the crates that name it."""
    by_name: Mapping[str, Linked]
    """Configcrates."""
    blamed: Mapping[str, Sequence[Diagnostic]]
    """Path of a crate → what is wrong with it; none where nothing is."""
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
    stale, gone = _stale(documents, before)
    if before is not None and not stale and not gone:
        return before
    linked: Mapping[str, Linked] = before.linked if before is not None else {}
    facts: Mapping[str, Facts] = before.facts if before is not None else {}
    blamed = dict(before.blamed) if before is not None else {}
    made: dict[str, Linked] = {}
    for document in stale:
        made[document.path] = _link(documents, document, linked.get(document.path), contents)
    for path in (*made, *gone):
        blamed.pop(path, None)
    blamed.update(
        {path: wrong for path, each in made.items() if (wrong := (*each.crate.diagnostics, *each.diagnostics))}
    )
    fresh = {path: _facts(each) for path, each in made.items()}
    named = _named(before, fresh, gone)
    if before is not None and not gone and made.keys() <= linked.keys():
        known = facts
        linked, facts = overlaid(linked, made), overlaid(facts, fresh)
        if not before.about_all and all(known[path].depends_on == each.depends_on for path, each in fresh.items()):
            mine = {each.crate.name: each for each in made.values() if not _is_usercrate(each)}
            theirs = {each.crate.name: each for each in made.values() if _is_usercrate(each)}
            by_name, usercrates = overlaid(before.by_name, mine), overlaid(before.usercrates, theirs)
            return Library(linked, facts, named, by_name, blamed, usercrates, ())
    else:
        linked = {path: each for path, each in {**linked, **made}.items() if path not in gone}
        facts = {path: each for path, each in {**facts, **fresh}.items() if path not in gone}
    found: list[Diagnostic] = []
    by_name = _by_name(documents, linked, Kind.CONFIGCRATE, found)
    usercrates = _by_name(documents, linked, Kind.USERCRATE, found)
    found += _rings(documents, Kind.CONFIGCRATE, by_name, facts)
    found += _rings(documents, Kind.USERCRATE, usercrates, facts)
    return Library(linked, facts, named, by_name, blamed, usercrates, found)


def _stale(documents: Documents, before: Library | None) -> tuple[list[Document], set[str]]:
    """The crates to be linked anew, and paths of those that are gone."""
    if before is None:
        return [*documents.of(Kind.CONFIGCRATE), *documents.of(Kind.USERCRATE)], set()
    changed, by_path = documents.changed, documents.by_path
    stale = {path for path in changed if path in by_path and by_path[path].kind in _CRATES}
    gone = {path for path in changed if path in before.linked and path not in stale}
    content = [path for path in changed if path.partition("/")[0] in CONTENT]
    if content:
        stale.update(path for each in content for path in before.named.get(each, ()) if path not in gone)
        stale.update(path for path, facts in before.facts.items() if facts.incomplete and path not in gone)
    return [by_path[path] for path in sorted(stale)], gone


def _facts(linked: Linked) -> Facts:
    sources = tuple(dict.fromkeys(source.path for source in linked.crate.sources))
    return Facts(sources, linked.crate.depends_on, any(source not in linked.content for source in sources))


def _named(before: Library | None, fresh: Mapping[str, Facts], gone: set[str]) -> Mapping[str, Sequence[str]]:
    if before is None:
        return named_by(fresh)
    known = before.facts
    if not gone and all(path in known and known[path].sources == each.sources for path, each in fresh.items()):
        return before.named
    named = dict(before.named)
    for path in (*gone, *fresh):
        for source in known[path].sources if path in known else ():
            named[source] = [each for each in named[source] if each != path]
    for path, facts in fresh.items():
        for source in facts.sources:
            named[source] = [*named.get(source, ()), path]
    return named


def named_by(facts: Mapping[str, Facts]) -> dict[str, Sequence[str]]:
    """Path of content → paths of the crates that name it."""
    found: dict[str, list[str]] = {}
    for path, each in facts.items():
        for source in each.sources:
            found.setdefault(source, []).append(path)
    return dict(found)


def _is_usercrate(linked: Linked) -> bool:
    return linked.crate.document.kind is Kind.USERCRATE


def _link(documents: Documents, document: Document, before: Linked | None, contents: ContentCache) -> Linked:
    marks = _marks(documents, document)
    crate = before.crate if before is not None and is_filled(before) else None
    if crate is None or crate.document is not document:
        crate = compile_crate(document, marks)
    return linking.link(crate, documents.tree, documents.entries, contents, marks)


def _marks(documents: Documents, document: Document) -> Callable[[], Marks]:
    return lambda: documents.marks(document)


def _by_name(
    documents: Documents, linked: Mapping[str, Linked], kind: Kind, found: list[Diagnostic]
) -> dict[str, Linked]:
    first: dict[str, str] = {}
    for document in documents.of(kind):
        name, path = document.stem, document.path
        if first.setdefault(name, path) != path:
            message = f"{first[name]} is the {kind} {name}, too"
            line, column = documents.place(document, ("name",))
            hint = "a crate's name is its file's stem"
            found.append(diagnostic("crate.duplicate", document.path, line, column, message, hint))
    return {name: linked[path] for name, path in first.items()}


def _rings(
    documents: Documents, kind: Kind, by_name: Mapping[str, Linked], facts: Mapping[str, Facts]
) -> Iterator[Diagnostic]:
    nodes: dict[str, _Node] = {}
    for document in documents.of(kind):
        depends_on = facts[document.path].depends_on
        if depends_on and document.stem in by_name and document.stem not in nodes:
            nodes[document.stem] = _Node(document, depends_on)

    def waits_for(node: _Node) -> list[_Node]:
        return [nodes[name] for name in node.depends_on if name in nodes]

    for ring in ordering.cycles(list(nodes.values()), waits_for):
        shown = " → ".join([*(each.document.stem for each in ring), ring[0].document.stem])
        document = ring[0].document
        line, column = documents.place(document, ("depends_on",))
        yield diagnostic("crate.cycle", document.path, line, column, f"each depends on the next: {shown}")


class _Node(NamedTuple):
    document: Document
    depends_on: tuple[str, ...]


_CRATES: Final = (Kind.CONFIGCRATE, Kind.USERCRATE)

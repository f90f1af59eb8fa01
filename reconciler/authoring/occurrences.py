"""Occurrences: every place of a tree that names a thing, and the place that defines it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from reconciler.authoring import fragments, outline, places, spots, values
from reconciler.authoring.places import LOCAL, Named, What
from reconciler.authoring.snapshots import Snapshot
from reconciler.authoring.texts import Location, Position, Span, Text
from reconciler.documents import Document, Kind
from reconciler.documents.marks import Path
from reconciler.expressions import Path as VarPath
from schema.resources import RESOURCES

MAX_REFERENCES: Final = 5_000

WITH_EXPRESSIONS: Final = frozenset({Kind.CONFIGCRATE, Kind.USERCRATE})
_IN_EXPRESSIONS: Final = {
    What.ROLE: (r"""(?P<q>['"])(?P<name>{name})(?P=q)\s+(?:not\s+)?in\s+host\.roles\b""",),
    What.ENVIRONMENT: (
        r"""\bhost\.environment\s*[=!]=\s*(?P<q>['"])(?P<name>{name})(?P=q)""",
        r"""(?P<q>['"])(?P<name>{name})(?P=q)\s*[=!]=\s*host\.environment\b""",
        r"""\bhost\.environment\s+(?:not\s+)?in\s+[\[(][^\])]*?(?P<q>['"])(?P<name>{name})(?P=q)""",
    ),
}
"""What expressions compare with names."""


class Occurrence(NamedTuple):
    """One place that names a thing."""

    location: Location
    defines: bool


def references(
    snapshot: Snapshot, path: str, text: Text, position: Position, *, definition: bool = True
) -> list[Location]:
    """Every place that names what stands at a position, in path order.

    Args:
        definition: those that define it, too.
    """
    spot = spots.find(snapshot, path, text, position)
    if spot is None:
        return []
    if spot.var:
        found: Iterable[Occurrence] = of_var(snapshot, spot.var)
    elif spot.names is not None:
        found = of_name(snapshot, spot.names, spot.text, path)
    else:
        return []
    kept = [each.location for each in found if definition or not each.defines]
    return sorted(set(kept))[:MAX_REFERENCES]


def of_name(snapshot: Snapshot, what: What, name: str, path: str, *, defining: bool = False) -> Iterator[Occurrence]:
    """Every place that names a thing.

    Args:
        path: of the file that names it: what is local is known there alone.
        defining: only places that define it are asked for; others may be among them.
    """
    document = snapshot.document(path)
    if what in LOCAL:
        documents = [document] if document is not None else []
    else:
        kinds = places.kinds_of(what, defining=defining)
        documents = [each for kind in Kind if kind in kinds for each in snapshot.documents.of(kind)]
    for each in documents:
        found = [named for named in places.names_in(each, what) if named.name == name]
        text = snapshot.text(each.path) if found else None
        if text is not None:
            known = outline.of(text.source)
            for named in found:
                span = span_of(known, named)
                if span is not None:
                    yield Occurrence(Location(each.path, span), named.defines)
        if what is What.RESOURCE:
            yield from _identities(snapshot, each, name)
    if what in _IN_EXPRESSIONS and not defining:
        yield from (Occurrence(each, defines=False) for each in _in_expressions(snapshot, what, name))
    if what is What.SOURCE and name in snapshot.documents.entries:
        yield Occurrence(Location(name, Span(1, 1, 1, 1)), defines=True)


def span_of(known: outline.Outline, named: Named) -> Span | None:
    """Where a name is written; None where its file cannot be read so far."""
    node = known.node(named.path)
    return None if node is None else node.key if named.on_key else node.value


def _identities(snapshot: Snapshot, document: Document, name: str) -> Iterator[Occurrence]:
    """Resources that have no name but what they are about."""
    data = document.parsed.data
    resources = data.get("resources") if isinstance(data, dict) else None
    for index, resource in enumerate(resources if isinstance(resources, list) else ()):
        spec = RESOURCES.get(str(resource.get("type"))) if isinstance(resource, dict) else None
        if spec is None or "name" in resource or resource.get(spec.IDENTITY) != name:
            continue
        text = snapshot.text(document.path)
        node = outline.of(text.source).node(("resources", index, spec.IDENTITY)) if text is not None else None
        if node is not None:
            yield Occurrence(Location(document.path, node.value), defines=True)


# vars


def of_var(snapshot: Snapshot, keys: VarPath) -> Iterator[Occurrence]:
    """Every place that writes or asks for the var at some keys."""
    for written in values.layers(snapshot.documents.by_path.values()):
        for below, _ in values.reached(written.vars, keys):
            location = key_location(snapshot, written.document.path, (*written.path, *below))
            if location is not None:
                yield Occurrence(location, defines=True)
    wanted = ("vars", *keys)
    for path, text, begin, end, stands in _expressions(snapshot, str(keys[0])):
        for parts, at, spans in fragments.chains(text.source[begin:end]):
            whole = parts
            if parts[0] == "item" and stands is not None:
                whole = (*stands, *parts[1:])
            elif parts[0] not in ("vars", "item"):
                whole = fragments.followed(parts, text.source[: begin + at])
            shift = len(whole) - len(parts)
            if whole[: len(wanted)] == wanted and len(wanted) - 1 >= shift:
                first, last = spans[len(wanted) - 1 - shift]
                span = Span(*text.position(begin + first), *text.position(begin + last))
                yield Occurrence(Location(path, span), defines=False)


def key_location(snapshot: Snapshot, path: str, where: Path) -> Location | None:
    """Where the key at a path of a document is written; its value where it has no key."""
    text = snapshot.text(path)
    node = outline.of(text.source).node(where) if text is not None else None
    return Location(path, node.key or node.value) if node is not None else None


def _expressions(snapshot: Snapshot, word: str) -> Iterator[tuple[str, Text, int, int, VarPath | None]]:
    """Texts that are or hold expressions and a word: file, its text, from where to where, and what `item` is there."""
    for path in snapshot.documents.entries:
        document = snapshot.document(path)
        if document is not None and document.kind in WITH_EXPRESSIONS:
            text = snapshot.text(path)
            if text is None or word not in text.source:
                continue
            known = outline.of(text.source)
            scalars = {each.path: each.text for each in known.nodes.values() if each.text is not None}
            for node in known.nodes.values():
                bare = node.text is not None and spots.is_bare(document.kind, node.path)
                if node.text is not None and (bare or "{" in node.text) and not _in_vars(node.path):
                    stands = spots.item_path(node.path, scalars)
                    yield path, text, text.offset(node.value.start), text.offset(node.value.end), stands
        elif spots.is_template(path):
            text = snapshot.text(path)
            if text is not None and word in text.source:
                yield path, text, 0, len(text.source), None


def _in_vars(path: Path) -> bool:
    return "vars" in path[:1]


def _in_expressions(snapshot: Snapshot, what: What, name: str) -> Iterator[Location]:
    compiled = [re.compile(each.format(name=re.escape(name))) for each in _IN_EXPRESSIONS[what]]
    for path, text, begin, end, _ in _expressions(snapshot, name):
        for pattern in compiled:
            for found in pattern.finditer(text.source, begin, end):
                span = Span(*text.position(found.start("name")), *text.position(found.end("name")))
                yield Location(path, span)

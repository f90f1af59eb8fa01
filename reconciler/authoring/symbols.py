"""Symbols: the parts of a document that a person would jump to."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from reconciler.authoring import outline
from reconciler.authoring.outline import Node, Outline
from reconciler.authoring.texts import Span, Text
from reconciler.documents.kinds import Kind
from reconciler.documents.marks import Path
from schema.resources import RESOURCES

MAX_SYMBOLS: Final = 10_000


class SymbolSort(StrEnum):
    """What a symbol is."""

    BLOCK = "match block"
    CRATE = "crate"
    RESOURCE = "resource"
    ROLE = "role"
    ENVIRONMENT = "environment"
    VAR = "var"
    TASK = "task"
    STEP = "step"
    PARAMETER = "parameter"
    ENTRY = "entry"


class Symbol(NamedTuple):
    """One part, and those within it."""

    name: str
    sort: SymbolSort
    span: Span
    """All of it."""
    selected: Span
    """Its name."""
    detail: str = ""
    children: Sequence[Symbol] = ()


_LISTS: Final = {
    "envoys": (SymbolSort.BLOCK, ("match",)),
    "resources": (SymbolSort.RESOURCE, ("name", *dict.fromkeys(spec.IDENTITY for spec in RESOURCES.values()), "type")),
    "steps": (SymbolSort.STEP, ("name",)),
    "waivers": (SymbolSort.ENTRY, ("control",)),
    "tests": (SymbolSort.ENTRY, ("name",)),
    "waves": (SymbolSort.ENTRY, ("name",)),
    "invariants": (SymbolSort.ENTRY, ("name",)),
}
"""Top-level lists → what their items are, and the keys that name one."""
_MAPS: Final = {
    "vars": SymbolSort.VAR,
    "roles": SymbolSort.ROLE,
    "environments": SymbolSort.ENVIRONMENT,
    "params": SymbolSort.PARAMETER,
    "inputs": SymbolSort.PARAMETER,
}
_DETAILS: Final = ("type", "environment", "task", "framework", "description")


def of(kind: Kind, text: Text) -> list[Symbol]:
    """The symbols of a document, as far as it can be read, in the order in which they stand."""
    known = outline.of(text.source)
    below: dict[Path, list[Node]] = {}
    for node in known.nodes.values():
        if node.path and len(below) < MAX_SYMBOLS:
            below.setdefault(node.path[:-1], []).append(node)
    found: list[Symbol] = []
    for node in below.get((), ()):
        name = str(node.path[0])
        inner = below.get(node.path, [])
        if name in _LISTS:
            found += [_item(known, each, name, below) for each in inner]
        elif name in _MAPS:
            found += [_entry(each, _MAPS[name], below) for each in inner if each.key is not None]
        elif kind is Kind.CLAIMS:
            found.append(_entry(node, SymbolSort.ENTRY, below))
    title = known.node(("name",))
    if kind in (Kind.CONFIGCRATE, Kind.USERCRATE, Kind.TASK, Kind.WORKFLOW) and title is not None and title.text:
        root = known.nodes[()]
        sort = SymbolSort.CRATE if kind in (Kind.CONFIGCRATE, Kind.USERCRATE) else SymbolSort.TASK
        span = root.value if root.value.touches(title.value.start) else title.value
        return [Symbol(title.text, sort, span, title.value, _text(known, ("description",)), found[:MAX_SYMBOLS])]
    return found[:MAX_SYMBOLS]


def _item(known: Outline, node: Node, name: str, below: dict[Path, list[Node]]) -> Symbol:
    sort, keys = _LISTS[name]
    named = next((each for key in keys if (each := known.node((*node.path, key))) is not None and each.text), None)
    selected = named.value if named is not None and node.value.touches(named.value.start) else node.value
    title = named.text if named is not None and named.text else f"{name}[{node.path[-1]}]"
    detail = next((text for key in _DETAILS if (text := _text(known, (*node.path, key)))), "")
    inner = below.get((*node.path, "vars"), [])
    children = [_entry(each, SymbolSort.VAR, below) for each in inner if each.key is not None]
    return Symbol(title, sort, node.value, selected, detail, children)


def _entry(node: Node, sort: SymbolSort, below: dict[Path, list[Node]]) -> Symbol:
    key = node.key or node.value
    inner = below.get((*node.path, "vars"), []) if sort is not SymbolSort.VAR else []
    children = [_entry(each, SymbolSort.VAR, below) for each in inner if each.key is not None]
    span = Span(key.line, key.column, *max(node.value.end, key.end))
    detail = (node.text or "").partition("\n")[0][:60]
    return Symbol(str(node.path[-1]) or '""', sort, span, key, detail, children)


def _text(known: Outline, path: Path) -> str:
    node = known.node(path)
    return (node.text or "").partition("\n")[0][:60] if node is not None else ""

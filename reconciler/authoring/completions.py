"""Completion: what may be written at the cursor, of keys, words, names and everything that expressions know."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from reconciler.authoring import cursor, fragments, places, shapes, spots, values
from reconciler.authoring.cursor import Cursor, Slot
from reconciler.authoring.fragments import Sort
from reconciler.authoring.places import What
from reconciler.authoring.snapshots import Snapshot
from reconciler.authoring.texts import Position, Span, Text
from reconciler.documents.kinds import CONTENT, Kind
from reconciler.documents.marks import Path
from reconciler.expressions import RESOURCE_ROOTS, TASK_ROOTS, USER_ROOTS, WORKFLOW_ROOTS
from reconciler.graph.proofs import HOST_NAMES, USER_NAMES
from schema.expressions.filters import FILTERS
from schema.expressions.functions import FUNCTIONS
from schema.expressions.predicates import TESTS
from schema.expressions.vocabulary import FILTER_NAMES, TEST_NAMES
from schema.resources import RESOURCES
from schema.traits import ANY, TRAITS

MAX_COMPLETIONS: Final = 500
MAX_SHOWN: Final = 60
"""Characters of a value."""


class Sorts(StrEnum):
    """What a completion is."""

    KEY = "key"
    WORD = "word"
    NAME = "name"
    VAR = "var"
    TRAIT = "trait"
    FILTER = "filter"
    FUNCTION = "function"
    FILE = "file"


class Completion(NamedTuple):
    """One thing that may be written."""

    label: str
    sort: Sorts
    span: Span
    """What it takes the place of."""
    text: str
    detail: str = ""
    docs: str = ""
    rank: int = 1
    """Smaller comes first."""


class Completions(NamedTuple):
    """What may be written at one place, best first."""

    items: Sequence[Completion]
    left_out: int
    """How many more there are."""


def at(snapshot: Snapshot, path: str, text: Text, position: Position) -> Completions:
    """What may be written at a position of a file, whatever state the file is in."""
    typed, found = _found(snapshot, path, text, position)
    begins = typed.casefold()
    fitting = [each for each in found if begins in each.label.casefold()]
    fitting.sort(key=lambda each: (not each.label.casefold().startswith(begins), each.rank, each.label))
    return Completions(fitting[:MAX_COMPLETIONS], max(0, len(fitting) - MAX_COMPLETIONS))


def _found(snapshot: Snapshot, path: str, text: Text, position: Position) -> tuple[str, list[Completion]]:
    kind = snapshot.kind(path)
    if kind is None:
        if not spots.is_template(path):
            return "", []
        before = text.source[: text.offset(position)]
        return _expression(snapshot, path, before, position, _Around(None, (), {}), bare=False)
    seen = cursor.find(text, position)
    if seen.slot is Slot.NOTHING:
        return "", []
    around = _Around(kind, seen.path, seen.scalars)
    bare = seen.slot is not Slot.KEY and spots.is_bare(kind, seen.path)
    if bare or "{" in seen.left:
        typed, found = _expression(snapshot, path, seen.left, position, around, bare=bare)
        if found or bare:
            return typed, found
    typed = text.within(seen.word._replace(end_column=position.column))
    return typed, list(_yaml(snapshot, path, kind, seen, text))


class _Around(NamedTuple):
    kind: Kind | None
    path: Path
    scalars: Mapping[Path, str]


# what stands in the document itself


def _yaml(snapshot: Snapshot, path: str, kind: Kind, at: Cursor, text: Text) -> Iterator[Completion]:
    if at.slot in (Slot.KEY, Slot.ITEM):
        yield from _keys(kind, at)
        yield from _var_keys(snapshot, path, at)
        yield from _tested(snapshot, kind, at)
    if at.slot in (Slot.VALUE, Slot.ITEM) or (at.slot is Slot.KEY and not at.on_line):
        listed = at.slot is Slot.KEY
        lead = "- " if listed and shapes.is_list(kind, at.path) else ""
        if listed and not lead:
            return
        for word in shapes.words(kind, at.path, at.scalars):
            docs = shapes.about_type(word) if at.path[-1:] == ("type",) else ""
            yield Completion(word, Sorts.WORD, at.word, lead + word, "", docs)
        what = places.used_at(kind, at.path)
        if what is not None:
            for name, detail in _names(snapshot, path, what, at, text):
                yield Completion(name, Sorts.FILE if what is What.SOURCE else Sorts.NAME, at.word, lead + name, detail)
        elif at.slot is Slot.VALUE and at.path == ("name",) and places.defined_at(kind, at.path, on_key=False):
            stem = path.rpartition("/")[2].removesuffix(".vgo")
            yield Completion(stem, Sorts.NAME, at.word, stem, "the file's name")


def _keys(kind: Kind, at: Cursor) -> Iterator[Completion]:
    present = at.around()
    for key in shapes.keys(kind, at.path, at.scalars).values():
        if key.name in present:
            continue
        needed = "required, " if key.required else ""
        rank = 0 if key.required else 2 if key.name in shapes.KEYS_OF_ANY and at.path[:1] == ("resources",) else 1
        detail = f"{needed}{key.takes}" + (f", {key.default}" if key.default else "")
        yield Completion(
            key.name, Sorts.KEY, at.word, f"{key.name}:{'' if key.compound else ' '}", detail, key.docs, rank
        )


def _var_keys(snapshot: Snapshot, path: str, at: Cursor) -> Iterator[Completion]:
    """Vars that other places write, where vars are written: to replace one, its name must be the same."""
    depth = shapes.has_vars(at.path)
    if depth is None or at.slot is not Slot.KEY:
        return
    present = at.around()
    keys = tuple(part.removesuffix("+") if isinstance(part, str) else part for part in at.path[depth:])
    for name, (value, label) in values.candidates(snapshot, path, keys).items():
        if name not in present:
            yield Completion(name, Sorts.VAR, at.word, f"{name}: ", f"{shown(value)} ({label})")


def _tested(snapshot: Snapshot, kind: Kind, at: Cursor) -> Iterator[Completion]:
    """The resources that a test can expect something of."""
    if kind is Kind.TESTS and at.slot is Slot.KEY and at.path[2:] == ("expect", "resources"):
        present = at.around()
        for linked in snapshot.crates.values():
            for name in linked.crate.resources:
                if name not in present:
                    yield Completion(name, Sorts.NAME, at.word, f"{name}: ", linked.crate.document.path)


def _names(snapshot: Snapshot, path: str, what: What, at: Cursor, text: Text) -> Iterator[tuple[str, str]]:
    """The names of a sort that exist, each with a word about it."""
    documents = snapshot.documents
    # A document that is nothing but a scalar has it at no key at all.
    taken = {
        value for key, value in at.scalars.items() if key and key[:-1] == at.path[:-1] and isinstance(key[-1], int)
    }
    if what in _FILES:
        for document in documents.of(_FILES[what]):
            data = document.parsed.data if isinstance(document.parsed.data, dict) else {}
            name = document.stem if what is not What.TASK else str(data.get("name", document.stem))
            if name not in taken and document.path != path:
                yield name, str(data.get("description", ""))
    elif what is What.ROLE:
        yield from ((name, each.description) for name, each in snapshot.roles.entries.items() if name not in taken)
    elif what is What.ENVIRONMENT:
        yield from environments(snapshot, path)
    elif what is What.SOURCE:
        yield from ((each, "") for each in documents.entries if each.partition("/")[0] in CONTENT)
    else:
        yield from _local_names(what, at, cursor.scalars(text))


def _local_names(what: What, at: Cursor, scalars: Mapping[Path, str]) -> Iterator[tuple[str, str]]:
    head, naming = ("steps", ("name",)) if what is What.STEP else ("resources", ("name", *_IDENTITIES))
    own = at.path[:2]
    items = sorted({key[1] for key in scalars if key[:1] == (head,) and len(key) > 2 and isinstance(key[1], int)})
    for index in items:
        given = next((scalars[head, index, key] for key in naming if (head, index, key) in scalars), "")
        if given and (head, index) != own:
            yield given, scalars.get((head, index, "type"), "")


def environments(snapshot: Snapshot, path: str) -> Iterator[tuple[str, str]]:
    """The environments that a file can name, each with the file that defines it last."""
    directory = path.rpartition("/")[0]
    found: dict[str, str] = {}
    for document in snapshot.documents.of(Kind.ENVIRONMENTS):
        above = document.directory
        data = document.parsed.data
        named = data.get("environments") if isinstance(data, dict) else None
        if isinstance(named, dict) and (not above or directory == above or directory.startswith(f"{above}/")):
            found |= dict.fromkeys(map(str, named), document.path)
    yield from found.items()


# expressions


def _expression(
    snapshot: Snapshot, path: str, left: str, position: Position, around: _Around, *, bare: bool
) -> tuple[str, list[Completion]]:
    expression = fragments.inside(left, bare=bare)
    if expression is None:
        return "", []
    sort, parts = fragments.completing(expression, left)
    word = len(expression) - len(expression.rstrip(_WORD_CHARS))
    typed = expression[len(expression) - word :]
    span = Span(position.line, position.column - word, position.line, position.column)
    if sort is Sort.FILTER:
        return typed, list(_functions(FILTER_NAMES, FILTERS, Sorts.FILTER, span))
    if sort is Sort.TEST:
        return typed, list(_functions(TEST_NAMES, TESTS, Sorts.FILTER, span))
    if not parts:
        roots = [Completion(root, Sorts.NAME, span, root, about, rank=0) for root, about in _roots(around)]
        return typed, [*roots, *_functions(FUNCTIONS, FUNCTIONS, Sorts.FUNCTION, span, call=True)]
    if parts[0] == "item":
        stands = spots.item_path(around.path, around.scalars)
        parts = (*stands, *parts[1:]) if stands is not None else parts
    return typed, list(_below(snapshot, path, parts, span, around))


def _below(
    snapshot: Snapshot, path: str, parts: Sequence[str | int], span: Span, around: _Around
) -> Iterator[Completion]:
    root, keys = parts[0], tuple(parts[1:])
    if root == "vars":
        for name, (value, label) in values.candidates(snapshot, path, keys).items():
            if name.isidentifier():
                yield Completion(name, Sorts.VAR, span, name, f"{shown(value)} ({label})")
    elif root == "traits":
        yield from _traits(keys, span)
    elif root == "host" and not keys:
        yield from (Completion(name, Sorts.TRAIT, span, name) for name in HOST_NAMES)
    elif root == "user" and not keys:
        yield from (Completion(name, Sorts.TRAIT, span, name) for name in USER_NAMES)
    elif root in ("params", "inputs", "steps") and not keys:
        named = {key[1] for key in around.scalars if len(key) > 1 and key[0] == root}
        if root == "steps":
            named = {value for key, value in around.scalars.items() if key[:1] == ("steps",) and key[2:] == ("name",)}
        yield from (Completion(str(name), Sorts.VAR, span, str(name)) for name in sorted(map(str, named)))


def _traits(keys: Path, span: Span) -> Iterator[Completion]:
    seen: set[str] = set()
    for declared, info in TRAITS.items():
        parts = declared.split(".")
        if len(parts) <= len(keys) or any(part not in (ANY, key) for part, key in zip(parts, keys, strict=False)):
            continue
        name = parts[len(keys)]
        if name in (ANY, *seen):
            continue
        seen.add(name)
        ends = len(parts) == len(keys) + 1
        always = "" if info.always else "; not on every host"
        detail = f"{info.type.value}{always}" if ends else ""
        yield Completion(name, Sorts.TRAIT, span, name, detail, info.summary if ends else "")


def _roots(around: _Around) -> Iterator[tuple[str, str]]:
    if around.kind in (Kind.TASK, Kind.WORKFLOW):
        known = TASK_ROOTS if around.kind is Kind.TASK else (TASK_ROOTS - {"params"}) | WORKFLOW_ROOTS
    else:
        in_loop = around.kind is None or (*around.path[:2], "foreach") in around.scalars
        roots = USER_ROOTS if around.kind in (Kind.USERCRATE, None) else RESOURCE_ROOTS
        known = roots if in_loop and around.path[-1:] != ("foreach",) else roots - {"item"}
    yield from ((name, _ABOUT_ROOTS.get(name, "")) for name in sorted(known))


def _functions(
    names: Iterable[str], known: Mapping[str, Any], sort: Sorts, span: Span, *, call: bool = False
) -> Iterator[Completion]:
    for name in sorted(names):
        text = f"{name}(" if call else name
        yield Completion(name, sort, span, text, signature(name, known.get(name)), about(known.get(name)))


def signature(name: str, function: Any) -> str:
    """How a filter, test or function is written; empty where it takes nothing."""
    if function is None:
        return ""
    given = [each for each in inspect.signature(function).parameters.values() if each.name not in ("run", "_run")]
    return f"{name}({', '.join(str(each).partition(':')[0] for each in given)})"


def about(function: Any) -> str:
    """What a filter, test or function gives."""
    return " ".join((inspect.getdoc(function) or "").split()) if function is not None else ""


def shown(value: Any, *, limit: int = MAX_SHOWN) -> str:
    """A value in one line, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


_FILES: Final = {What.CRATE: Kind.CONFIGCRATE, What.USERCRATE: Kind.USERCRATE, What.TASK: Kind.TASK}
_WORD_CHARS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
_IDENTITIES: Final = tuple(dict.fromkeys(spec.IDENTITY for spec in RESOURCES.values()))
_ABOUT_ROOTS: Final = {
    "vars": "what the configuration says",
    "traits": "what the host is",
    "host": "hostname, environment and roles",
    "item": "the element of a foreach",
    "user": "in a usercrate: whose turn it is",
    "params": "of the task",
    "inputs": "of the workflow",
    "steps": "of the workflow, that have run",
}

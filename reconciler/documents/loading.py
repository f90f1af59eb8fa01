"""A tree → its documents: each file read once per content, each complaint with its place, none hiding another."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

from reconciler.documents import flaws, marks, resources, validate
from reconciler.documents.complaints import Complaint, diagnostic
from reconciler.documents.compose import compose, is_plain
from reconciler.documents.flaws import Flaw
from reconciler.documents.kinds import CONTENT, MODELS, ROOT, SUFFIX, Kind, Refusal, looks_misnamed, place
from reconciler.documents.marks import Marks, Path
from reconciler.repository.trees import Tree
from schema.diagnostics import Diagnostic, Severity

MAX_FILES: Final = 100_000
MARKS_KEPT: Final = 256
"""Files whose positions are remembered."""
_WITH_RESOURCES: Final = frozenset({Kind.CONFIGCRATE, Kind.USERCRATE})


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """What one kind of document makes of some bytes, wherever they stand."""

    data: Any
    model: BaseModel | None
    """What is sound of it; None when nothing is."""
    item_lines: Mapping[str, Sequence[int]]
    complaints: Sequence[Complaint]
    kept: Mapping[Path, Sequence[int]]
    plain: bool = False
    """Whether canonical JSON of it can be written the quick way: no floats, no keys beyond the BMP."""

    @property
    def whole(self) -> bool:
        """Whether all of it is sound."""
        return not self.complaints


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One `.vgo` file. Two documents are the same when they are the same object: the cache sees to that."""

    path: str
    oid: str
    kind: Kind
    parsed: Parsed
    diagnostics: Sequence[Diagnostic] = ()

    @property
    def stem(self) -> str:
        """The file's name without its suffix."""
        return self.path.rpartition("/")[2].removesuffix(SUFFIX)

    @property
    def directory(self) -> str:
        """Where it stands; empty for the root."""
        return self.path.rpartition("/")[0]


@dataclass
class DocumentCache:
    """What is remembered between loads. Every entry is a function of its key, so it can be shared by branches."""

    documents: dict[str, Document] = field(default_factory=dict)
    """Path → the document that stood there last."""
    parsed: dict[tuple[Kind, str], Parsed] = field(default_factory=dict)
    places: dict[str, Kind | Refusal | None] = field(default_factory=dict)
    marks: OrderedDict[str, Marks] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Documents:
    """The documents of one tree, by path and by kind, and what is wrong with them."""

    def __init__(
        self, tree: Tree, cache: DocumentCache, by_path: Mapping[str, Document], diagnostics: Sequence[Diagnostic]
    ) -> None:
        self.tree: Final = tree
        self.by_path: Final = by_path
        """In path order."""
        self.diagnostics: Final = diagnostics
        self._cache: Final = cache
        self._by_kind: Final[dict[Kind, list[Document]]] = {}
        for document in by_path.values():
            self._by_kind.setdefault(document.kind, []).append(document)

    def of(self, kind: Kind) -> Sequence[Document]:
        """The documents of a kind, in path order."""
        return self._by_kind.get(kind, ())

    def marks(self, document: Document) -> Marks:
        """Where the values of a document are written, by the paths of its file."""
        return marks_of(self.tree, self._cache, document.oid)

    def place(self, document: Document, path: Sequence[str | int], *, on_key: bool = False) -> tuple[int, int]:
        """Line and column of what stands at a path of the document's model."""
        written = validate.original(path, document.parsed.kept)
        found = self.marks(document)
        mark = found.value(written)
        return (mark.key_line, mark.key_column) if on_key else (mark.line, mark.column)

    def within(
        self, document: Document, path: Sequence[str | int], text: str, line: int, column: int
    ) -> tuple[int, int]:
        """Line and column of a place within a text that stands at a path of the document's model."""
        return self.marks(document).within(validate.original(path, document.parsed.kept), text, line, column)


def load(tree: Tree, cache: DocumentCache) -> Documents:
    """Read every document of a tree. Never raises for bad content: what is wrong stands in `diagnostics`."""
    with cache.lock:
        by_path: dict[str, Document] = {}
        found = list(_about_tree(tree))
        known, places = cache.documents, cache.places
        for path, entry in tree.entries().items():
            if not path.endswith(SUFFIX):
                if looks_misnamed(path):
                    message, hint = "only .vgo files are read here", f"rename it to {path.rpartition('.')[0]}{SUFFIX}"
                    found.append(diagnostic("file.extension", path, 1, 1, message, hint))
                continue
            document = known.get(path)
            if document is None or document.oid != entry.oid:
                kind = places[path] if path in places else places.setdefault(path, place(path))
                if kind is None:
                    continue
                if isinstance(kind, Refusal):
                    found.append(diagnostic(kind.code, path, 1, 1, kind.message, kind.hint))
                    continue
                document = _document(tree, cache, path, entry.oid, kind)
            by_path[path] = document
            if document.diagnostics:
                found.extend(document.diagnostics)
        cache.documents = by_path
        _forget(cache)
        return Documents(tree, cache, by_path, found)


def marks_of(tree: Tree, cache: DocumentCache, oid: str) -> Marks:
    """The positions in one blob, remembered for the blobs asked for last."""
    kept = cache.marks
    found = kept.get(oid)
    if found is None:
        found = kept[oid] = marks.read(tree.read(oid))
        while len(kept) > MARKS_KEPT:
            kept.popitem(last=False)
    return found


def _about_tree(tree: Tree) -> Iterator[Diagnostic]:
    entries = tree.entries()
    if ROOT not in entries:
        yield diagnostic("tree.no-root", ROOT, 1, 1, f"there is no {ROOT} here", "a repository's root has language: 1")
    if len(entries) > MAX_FILES:
        yield diagnostic("tree.too-large", ROOT, 1, 1, f"{len(entries)} files; a tree has at most {MAX_FILES}")
    for path, reason in tree.refused().items():
        harmless = reason.startswith(("symbolic link", "submodule", "special file")) or "bytes;" in reason
        outside = not path.endswith(SUFFIX) and path.partition("/")[0] not in CONTENT
        code = "file.ignored" if harmless and outside else "file.refused"
        yield diagnostic(code, path, 1, 1, f"not read: {reason}")


def _document(tree: Tree, cache: DocumentCache, path: str, oid: str, kind: Kind) -> Document:
    key = (kind, oid)
    parsed = cache.parsed.get(key)
    if parsed is None:
        parsed = cache.parsed[key] = parse(tree.read(oid), kind)
    document = Document(path, oid, kind, parsed)
    complaints = list(parsed.complaints)
    if kind in _WITH_RESOURCES and isinstance(parsed.data, dict):
        name = parsed.data.get("name")
        if isinstance(name, str) and name != document.stem:
            line, column = _mark(tree.read(oid), ("name",))
            message = f"the {kind} is called {name}, its file {document.stem}{SUFFIX}"
            complaints.append(Complaint("schema.name", line, column, message, f"name: {document.stem}"))
    return Document(path, oid, kind, parsed, tuple(each.at(path) for each in complaints)) if complaints else document


def parse(source: bytes, kind: Kind) -> Parsed:
    """What a kind of document makes of a file's bytes."""
    composed = compose(source)
    complaints = list(composed.complaints)
    if composed.data is None and complaints:
        return Parsed(None, None, {}, tuple(complaints), {})
    found: list[Flaw] = []
    if isinstance(composed.data, dict):
        model, found, kept = validate.judge(composed.data, MODELS[kind])
        if kind in _WITH_RESOURCES:
            found += resources.check(composed.data)
    else:
        model, kept = None, {}
        message = f"a {kind} document is a map, not {flaws.called(composed.data)}"
        found.append(Flaw("schema.wrong-type", (), message))
    if found:
        positions = marks.read(source)
        complaints += [flaws.complaint(flaw, positions) for flaw in found]
    complaints.sort(key=lambda each: (each.line, each.column, each.code))
    return Parsed(composed.data, model, composed.item_lines, tuple(complaints), kept, is_plain(composed.data))


def errors(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Those that keep a revision from coming into force."""
    return [each for each in diagnostics if each.severity is Severity.ERROR]


def _mark(source: bytes, path: Path) -> tuple[int, int]:
    mark = marks.read(source).value(path)
    return mark.line, mark.column


def _forget(cache: DocumentCache) -> None:
    if len(cache.parsed) > 2 * len(cache.documents) + 10_000:
        used = {(document.kind, document.oid) for document in cache.documents.values()}
        cache.parsed = {key: parsed for key, parsed in cache.parsed.items() if key in used}
    if len(cache.places) > 4 * MAX_FILES:
        cache.places.clear()

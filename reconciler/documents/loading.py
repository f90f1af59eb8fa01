"""A tree → its documents: each file read once per content, each complaint with its place, none hiding another."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakValueDictionary

from pydantic import BaseModel

from reconciler.documents import codes, flaws, marks, operators, resources, validate, variables
from reconciler.documents.complaints import Complaint, diagnostic
from reconciler.documents.compose import compose
from reconciler.documents.flaws import Flaw
from reconciler.documents.kinds import CONTENT, MODELS, ROOT, SUFFIX, Kind, Refusal, looks_misnamed, place
from reconciler.documents.marks import Marks, Path
from reconciler.late import Late, is_filled
from reconciler.overlays import Splice, overlaid, spliced
from reconciler.repository.listing import ListedTree
from reconciler.repository.trees import Entry, Tree
from schema.diagnostics import Diagnostic, Severity
from schema.errors import Fault

MAX_FILES: Final = 100_000
RETIRED_BYTES: Final = 16 << 20
"""Of sources whose documents are kept though the last trees had no use for them: a branch may come back."""
_EACH_BYTES: Final = 8 << 10
"""What a small document weighs more than its source."""
MARKS_KEPT: Final = 200_000
"""Places that are remembered, of the files that were asked about last."""
_WITH_RESOURCES: Final = frozenset({Kind.CONFIGCRATE, Kind.USERCRATE})


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Parsed:
    """What one kind of document makes of some bytes, wherever they stand."""

    data: Any
    model: BaseModel | None
    """What is sound of it; None when nothing is."""
    item_lines: Mapping[str, Sequence[int]]
    complaints: Sequence[Complaint]
    kept: Mapping[Path, Sequence[int]]
    size_bytes: int = 0
    """Of the source."""
    plain: bool = False
    """Whether canonical JSON of it can be written the quick way: no floats, no keys beyond the BMP."""

    @property
    def whole(self) -> bool:
        """Whether all of it is sound, but for warnings."""
        return all(each.code in codes.WARNINGS for each in self.complaints)


@dataclass(frozen=True, slots=True, eq=False)
class Document(Late):
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


class MarksCache:
    """Positions by blob id, of the files that were asked about last. Threads may share it."""

    def __init__(self) -> None:
        self._kept: Final[OrderedDict[str, Marks]] = OrderedDict()
        self._held = 0
        self._lock: Final = threading.Lock()

    def of(self, tree: Tree, oid: str) -> Marks:
        """The positions in one blob of a tree."""
        kept = self._kept
        with self._lock:
            found = kept.get(oid)
            if found is not None:
                kept.move_to_end(oid)
                return found
        found = marks.read(tree.read(oid))
        with self._lock:
            if oid not in kept:  # another thread may have been as quick
                kept[oid] = found
                self._held += len(found)
            while self._held > MARKS_KEPT and len(kept) > 1:
                _, oldest = kept.popitem(last=False)
                self._held -= len(oldest)
        return found


@dataclass
class DocumentCache:
    """What is remembered between loads. Every entry is a function of its key, so it can be shared by branches."""

    last: Documents | None = None
    """What the last load gave: the next one looks at what differs from it."""
    parsed: WeakValueDictionary[tuple[Kind, str], Parsed] = field(default_factory=WeakValueDictionary)
    """Lives as long as a document of it does, or as it is among the retired."""
    retired: deque[Parsed] = field(default_factory=deque)
    retired_bytes: int = 0
    marks: MarksCache = field(default_factory=MarksCache)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fork(self) -> DocumentCache:
        """A copy for another thread. What is remembered by content is shared, and what was loaded last is the start."""
        with self.lock:
            return DocumentCache(self.last, self.parsed, marks=self.marks)


@dataclass(eq=False)
class Documents:
    """The documents of one tree, by path and by kind, and what is wrong with them."""

    tree: Tree
    entries: Mapping[str, Entry]
    by_path: Mapping[str, Document]
    """In path order."""
    by_kind: Mapping[Kind, Sequence[Document]]
    """In path order."""
    blamed: Mapping[str, Sequence[Diagnostic]]
    """Path → what is wrong there; a file that is no document may be among them."""
    before: Documents | None
    """What these were made from: what did not change since is the same object."""
    changed: frozenset[str]
    """Paths of files, content too, that differ from `before`; all when there is none."""
    remembered: MarksCache = field(repr=False)

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """All that is wrong with single files and with the tree itself."""
        return [each for found in self.blamed.values() for each in found]

    def of(self, kind: Kind) -> Sequence[Document]:
        """The documents of a kind, in path order."""
        return self.by_kind.get(kind, ())

    def marks(self, document: Document) -> Marks:
        """Where the values of a document are written, by the paths of its file."""
        return self.remembered.of(self.tree, document.oid)

    def place(self, document: Document, path: Sequence[str | int], *, on_key: bool = False) -> tuple[int, int]:
        """Line and column of what stands at a path of the document's model."""
        written = validate.original(path, document.parsed.kept)
        mark = self.marks(document).value(written)
        return (mark.key_line, mark.key_column) if on_key else (mark.line, mark.column)

    def within(
        self, document: Document, path: Sequence[str | int], text: str, line: int, column: int
    ) -> tuple[int, int]:
        """Line and column of a place within a text that stands at a path of the document's model."""
        return self.marks(document).within(validate.original(path, document.parsed.kept), text, line, column)


def load(tree: Tree, cache: DocumentCache) -> Documents:
    """Read every document of a tree. Never raises for bad content: what is wrong stands in `diagnostics`.

    What did not change since the last load is taken over, and is the same object.
    """
    with cache.lock:
        before = cache.last
        fresh, gone = _differences(tree, before)
        entries = tree.entries()
        olds: list[Document] = []
        news: dict[str, Document] = {}
        known = before.by_path if before is not None else {}
        blamed = dict(before.blamed) if before is not None else {}
        for path in (*gone, *fresh):
            blamed.pop(path, None)
            old = known.get(path)
            document = _read(tree, cache, path, entries.get(path), blamed)
            if old is not None:
                olds.append(old)
                if is_filled(old):
                    _retire(cache, old.parsed)
            if document is not None:
                news[path] = document
        blamed[""] = list(_about_tree(tree))
        if before is None:
            by_path: Mapping[str, Document] = dict(sorted(news.items()))
            by_kind = _by_kind(by_path)
        else:
            by_path = overlaid(known, news, {each.path for each in olds} - news.keys())
            by_kind = _changed_kinds(before.by_kind, olds, news)
        changed = frozenset((*gone, *fresh))
        if before is not None:
            before.before = None  # two are kept, never a chain
        cache.last = Documents(tree, entries, by_path, by_kind, blamed, before, changed, cache.marks)
        return cache.last


def _differences(tree: Tree, before: Documents | None) -> tuple[Sequence[str], Sequence[str]]:
    """Paths of a tree that are new or have other bytes than before, and paths that it has no more."""
    entries = tree.entries()
    if before is None:
        return list(entries), ()
    changes: Iterable[str] | None = None
    if isinstance(tree, ListedTree) and isinstance(before.tree, ListedTree):
        try:
            changes = tree.changes(before.tree)
        except (Fault, LookupError):
            changes = None  # what the old tree was made of is gone; what it said is known
    if changes is None:
        known = before.entries
        fresh = [path for path, entry in entries.items() if known.get(path) != entry]
        came = any(path not in known for path in fresh)
        return fresh, sorted(known.keys() - entries.keys()) if came or len(known) != len(entries) else ()
    ordered = sorted(changes)
    return [path for path in ordered if path in entries], [path for path in ordered if path not in entries]


def _about_tree(tree: Tree) -> Iterator[Diagnostic]:
    entries = tree.entries()
    if ROOT not in entries:
        yield diagnostic("tree.no-root", ROOT, 1, 1, f"there is no {ROOT} here", "a repository's root has language: 1")
    if len(entries) > MAX_FILES:
        yield diagnostic("tree.too-large", ROOT, 1, 1, f"{len(entries)} files; a tree has at most {MAX_FILES}")
    for path, reason in tree.refused().items():
        large = "bytes;" in reason
        harmless = large or reason.startswith(("symbolic link", "submodule", "special file"))
        outside = not path.endswith(SUFFIX) and path.partition("/")[0] not in CONTENT
        code = "file.ignored" if harmless and outside else "file.too-large" if large else "file.refused"
        yield diagnostic(code, path, 1, 1, f"not read: {reason}")


def _read(
    tree: Tree, cache: DocumentCache, path: str, entry: Entry | None, blamed: dict[str, Sequence[Diagnostic]]
) -> Document | None:
    """The document at a path, if there is one; what is wrong there goes into `blamed`."""
    if entry is None:
        return None
    if looks_misnamed(path):
        hint = f"rename it to {path.rpartition('.')[0]}{SUFFIX}"
        blamed[path] = (diagnostic("file.extension", path, 1, 1, "only .vgo files are read here", hint),)
    kind = place(path)
    if isinstance(kind, Refusal):
        blamed[path] = (diagnostic(kind.code, path, 1, 1, kind.message, kind.hint),)
    if not isinstance(kind, Kind):
        return None
    document = _document(tree, cache, path, entry.oid, kind)
    if document.diagnostics:
        blamed[path] = document.diagnostics
    return document


def _by_kind(by_path: Mapping[str, Document]) -> dict[Kind, Sequence[Document]]:
    found: dict[Kind, list[Document]] = {}
    for document in by_path.values():
        found.setdefault(document.kind, []).append(document)
    return dict(found)


def _changed_kinds(
    before: Mapping[Kind, Sequence[Document]], olds: Sequence[Document], news: Mapping[str, Document]
) -> dict[Kind, Sequence[Document]]:
    """Documents by kind; lists share what did not change."""
    paths: dict[Kind, set[str]] = {}
    for document in (*olds, *news.values()):
        paths.setdefault(document.kind, set()).add(document.path)
    found = dict(before)
    for kind, changed in paths.items():
        listed, splices = before.get(kind, ()), []
        for path in sorted(changed):
            at = bisect_left(listed, path, key=_path)
            there = at < len(listed) and listed[at].path == path
            new = news.get(path)
            splices.append(Splice(at, at + there, (new,) if new is not None and new.kind is kind else ()))
        found[kind] = spliced(listed, splices)
    return found


def _path(document: Document) -> str:
    return document.path


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
        return Parsed(None, None, {}, tuple(complaints), {}, len(source))
    found: list[Flaw] = []
    if isinstance(composed.data, dict):
        model, found, kept = validate.judge(composed.data, MODELS[kind])
        if kind in _WITH_RESOURCES:
            found += resources.check(composed.data)
        if variables.may_be_wrong(source):
            found += variables.check(kind, composed.data, secrets=variables.may_name_secrets(source))
        found += operators.check(kind, composed.data)
    else:
        model, kept = None, {}
        message = f"the document is a map, not {flaws.called(composed.data)}"
        found.append(Flaw("schema.wrong-type", (), message))
    if found:
        positions = marks.read(source)
        complaints += [flaws.complaint(flaw, positions) for flaw in found]
    complaints.sort(key=lambda each: (each.line, each.column, each.code))
    return Parsed(composed.data, model, composed.item_lines, tuple(complaints), kept, len(source), composed.plain)


def errors(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Those that keep a revision from coming into force."""
    return [each for each in diagnostics if each.severity is Severity.ERROR]


def _mark(source: bytes, path: Path) -> tuple[int, int]:
    mark = marks.read(source).value(path)
    return mark.line, mark.column


def _retire(cache: DocumentCache, parsed: Parsed) -> None:
    cache.retired.append(parsed)
    cache.retired_bytes += parsed.size_bytes + _EACH_BYTES
    while cache.retired_bytes > RETIRED_BYTES:
        cache.retired_bytes -= cache.retired.popleft().size_bytes + _EACH_BYTES

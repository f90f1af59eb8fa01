"""A crate and the files it names: content by digest, and what its templates need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from sys import intern
from typing import Any, Final, NamedTuple
from weakref import WeakValueDictionary

from reconciler import expressions
from reconciler.documents import Document
from reconciler.documents.complaints import diagnostic, nearest
from reconciler.documents.kinds import CONTENT
from reconciler.documents.marks import Marks
from reconciler.documents.validate import original
from reconciler.graph import encoding, proofs
from reconciler.graph.crates import Crate, Source, objection_at
from reconciler.graph.proofs import Need, Origin
from reconciler.late import Late
from reconciler.repository.trees import Entry, Tree
from schema import secrets
from schema.diagnostics import Diagnostic
from schema.ids import sha256
from schema.merging import APPEND, merge, settle
from schema.protocol.desired import ContentRef

TEMPLATE: Final = ".j2"


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Content:
    """A file that is delivered to hosts."""

    ref: ContentRef
    oid: str
    encoded: bytes
    """The canonical bytes of `ref`."""
    text: str | None
    """Of a template; None when it is not UTF-8, or is delivered as it is."""
    secrets: frozenset[str]


class Share(NamedTuple):
    """What a crate brings to a set of crates; of 33 crates each is one column, and joined without a loop of ours."""

    reference: bytes
    content: tuple[tuple[str, bytes], ...]
    secrets: frozenset[str]
    resource_count: int
    outer: tuple[tuple[str, Need], ...]
    asks: str
    """What the outer needs ask for, all together: crates that ask for the same have the same text, which Python keeps
    once."""
    inner_keys: frozenset[str]
    is_unmet: bool
    owned: frozenset[str]
    depends_on: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Linked(Late):
    """A crate with all that it brings to a host. The same object as long as nothing of it changes."""

    crate: Crate
    content: Mapping[str, Content]
    """Source → its content."""
    encoded_content: Mapping[str, bytes]
    """Source → the canonical bytes of itself and its `ContentRef`."""
    secrets: frozenset[str]
    outer_needs: tuple[Need, ...]
    """Paths whose first key is not among the crate's own vars."""
    inner_needs: tuple[Need, ...]
    """Paths that begin in the crate's own vars; a stronger var may have replaced what they lead through."""
    inner_keys: frozenset[str]
    """First keys of the inner needs."""
    inner_unmet: tuple[tuple[Need, bool], ...]
    """Those of them that the crate's own vars, alone, do not meet; see `unmet`."""
    outer_by_path: Mapping[str, Need]
    """The outer needs by what they ask for, as text: of that Python computes the hash once."""
    reference: bytes
    """Its canonical `CrateRef`, as long as it depends on nothing."""
    owned: frozenset[str]
    """Kind and name of what its resources own, and no other crate of a host may."""
    whole: bool
    """Whether crate and templates are sound: else nothing is proven about them."""
    diagnostics: tuple[Diagnostic, ...]
    share: Share

    @property
    def name(self) -> str:
        """The crate's name."""
        return self.crate.name


@dataclass(slots=True)
class ContentCache:
    """What is known about blobs that are delivered, by blob id: one function of the bytes, whatever the tree."""

    contents: WeakValueDictionary[tuple[str, bool], Content] = field(default_factory=WeakValueDictionary)
    """Blob id, and whether it is a template → content; each lives as long as a crate names it."""


def link(
    crate: Crate, tree: Tree, entries: Mapping[str, Entry], cache: ContentCache, marks: Callable[[], Marks]
) -> Linked:
    """The crate with the content that its sources name in this tree."""
    content: dict[str, Content] = {}
    needs = list(crate.needs)
    found: list[Diagnostic] = []
    named = set(crate.secrets)
    for source in crate.sources:
        entry = entries.get(source.path)
        if entry is None or source.path.partition("/")[0] not in CONTENT:
            found.append(_missing(source, entries, crate.document, marks()))
            continue
        delivered = content[source.path] = _content(tree, entry.oid, source.path, cache)
        named |= delivered.secrets
        if not source.path.endswith(TEMPLATE):
            continue
        if delivered.text is None:
            found.append(diagnostic("expression.syntax", source.path, 1, 1, "the template is not UTF-8"))
            continue
        proof = _prove(source, delivered.text)
        needs += proof.needs
        found += [objection_at(objection, crate.document, _NO_MARKS) for objection in proof.objections]
    outer: list[Need] = []
    proven: list[Need] = []
    own = crate.vars
    for need in _unique(needs):
        (proven if need.path[0] in own else outer).append(need)
    # Those that hold for the crate's own vars still can break under stronger ones, if they lead on from there.
    inner = [need for need in proven if len(need.path) > 1 or need.listed]
    unmet_alone = tuple(failing(proven, settle(crate.vars))) if proven else ()
    by_path = tuple([(_asked(need.path, need.provided, need.listed), need) for need in outer])
    share = Share(
        reference(crate, ()),
        tuple([(path, encoding.pair(path, each.encoded)) for path, each in content.items()]),
        frozenset(named),
        len(crate.resources),
        by_path,
        intern("\n".join([text for text, _ in by_path])),
        frozenset(str(need.path[0]) for need in inner),
        bool(unmet_alone),
        frozenset(f"{each.kind} {each.thing}" for each in crate.owned),
        crate.depends_on,
    )
    return Linked(
        crate,
        content,
        dict(share.content),
        share.secrets,
        tuple(outer),
        tuple(inner),
        share.inner_keys,
        unmet_alone,
        dict(share.outer),
        share.reference,
        share.owned,
        crate.document.parsed.whole and not found and not crate.diagnostics,
        tuple(_once(found)),
        share,
    )


def reference(crate: Crate, requires: Sequence[str]) -> bytes:
    """The canonical bytes of a `CrateRef`."""
    return b'{"name":%b,"requires":%b,"sha256":"%b","size":%d}' % (
        encoding.text(crate.name),
        encoding.dumps(list(requires)) if requires else b"[]",
        crate.sha256.encode(),
        len(crate.body),
    )


def unmet(linked: Linked, catalog_vars: Mapping[str, Any], settled: Mapping[str, Any]) -> list[tuple[Need, bool]]:
    """Needs that hosts with these vars would not meet, and whether something other than a list is in the way.

    Args:
        catalog_vars: the profile's, appends to crates' defaults still open.
        settled: the same with appends settled.
    """
    return [*failing(linked.outer_needs, settled), *unmet_within(linked, catalog_vars)]


def unmet_within(linked: Linked, catalog_vars: Mapping[str, Any]) -> Sequence[tuple[Need, bool]]:
    """Those of them that begin in the crate's own vars."""
    own = linked.crate.vars
    over = {each: catalog_vars[each] for key in own for each in (key, key + APPEND) if each in catalog_vars}
    return failing(linked.inner_needs, settle(merge(own, over))) if over else linked.inner_unmet


def failing(needs: Iterable[Need], vars_: Mapping[str, Any]) -> list[tuple[Need, bool]]:
    """Needs that vars do not meet, and whether something other than a list is in the way."""
    found: list[tuple[Need, bool]] = []
    for need in needs:
        if proofs.missing(vars_, need.path, need.provided):
            found.append((need, False))
        elif need.listed and not proofs.is_list(vars_, need.path):
            found.append((need, True))
    return found


def _content(tree: Tree, oid: str, path: str, cache: ContentCache) -> Content:
    is_template = path.endswith(TEMPLATE)
    found = cache.contents.get((oid, is_template))
    if found is None:
        data = tree.read(oid)
        text: str | None = None
        if is_template:
            try:
                text = data.decode("utf-8")
            except UnicodeDecodeError:
                text = None
        ref = ContentRef(sha256=sha256(data), size=len(data))
        encoded = b'{"sha256":"%b","size":%d}' % (ref.sha256.encode(), ref.size)
        found = Content(ref, oid, encoded, text, frozenset(secrets.find(text) if text else ()))
        cache.contents[(oid, is_template)] = found
    return found


def _prove(source: Source, text: str) -> proofs.Proof:
    roots = proofs.roots_for(source.items, per_user=source.per_user)
    analysis = expressions.analyse(text, template=True, roots=roots, given=source.given)
    return proofs.of(analysis, Origin(source.where, text, source.path), items=source.items)


def _missing(source: Source, entries: Mapping[str, Entry], document: Document, marks: Marks) -> Diagnostic:
    mark = marks.value(original(source.where, document.parsed.kept))
    content = [path for path in entries if path.partition("/")[0] in CONTENT]
    if source.path.partition("/")[0] not in CONTENT:
        hint = "sources stand under templates/ or files/"
    else:
        hint = nearest(source.path, content)
    message = f"there is no file {source.path} in the tree"
    return diagnostic("resource.missing-source", document.path, mark.line, mark.column, message, hint)


def _once(found: list[Diagnostic]) -> list[Diagnostic]:
    return list({(each.code, each.file, each.line, each.column, each.message): each for each in found}.values())


def _unique(needs: Sequence[Need]) -> list[Need]:
    """One need for each path: what is said about the first place holds for the others."""
    if len(needs) < 2:
        return list(needs)
    return list({(need.path, need.provided, need.listed): need for need in reversed(needs)}.values())[::-1]


@lru_cache(maxsize=4_096)
def _asked(path: expressions.Path, provided: int, listed: bool) -> str:  # noqa: FBT001 - a key of what is remembered
    return f"{path!r} {provided} {listed}"


_NO_MARKS: Final = Marks({}, ())

"""A crate's document → what is applied: its resources with their order resolved, what they own, need and name.

A pure function of one file; what the file names elsewhere (sources, other crates) is judged by `linking` and
`profiles`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from reconciler import expressions
from reconciler.documents import Document, Kind
from reconciler.documents.complaints import diagnostic, nearest
from reconciler.documents.marks import Marks
from reconciler.documents.marks import Path as DocumentPath
from reconciler.documents.resources import identities, identity, specification
from reconciler.documents.validate import original
from reconciler.expressions import EACH
from reconciler.graph import encoding, ordering, proofs
from reconciler.graph.ordering import Node
from reconciler.graph.proofs import Items, Need, Objection, Origin
from reconciler.graph.users import USERCRATE_PREFIX, UserRules
from schema import guardrails, secrets
from schema.diagnostics import Diagnostic
from schema.documents.configcrates import Configcrate, Resource
from schema.documents.usercrates import Usercrate
from schema.ids import sha256
from schema.protocol.desired import CRATE_FORMAT
from schema.resources import RESOURCES, ResourceSpec


class Owned(NamedTuple):
    """A thing that a resource owns whole."""

    kind: str
    thing: str
    condition: tuple[str | None, str | None]
    """`when` of the crate and of the resource."""
    resource: str
    where: DocumentPath


class Source(NamedTuple):
    """A file of the tree that a resource names."""

    path: str
    where: DocumentPath
    items: Items | None
    given: frozenset[expressions.Path]
    per_user: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Crate:
    """One configcrate or usercrate, compiled."""

    document: Document
    name: str
    vars: dict[str, Any]
    depends_on: tuple[str, ...]
    body: bytes
    """The crate object, canonical."""
    sha256: str
    resources: tuple[str, ...]
    """Ids."""
    owned: tuple[Owned, ...]
    sources: tuple[Source, ...]
    needs: tuple[Need, ...]
    secrets: frozenset[str]
    diagnostics: tuple[Diagnostic, ...]


class _Entry(NamedTuple):
    number: int
    """Its index in the model."""
    resource: Resource
    name: str
    spec: dict[str, Any]
    model: type[ResourceSpec]
    notify_only: bool


def compile_crate(document: Document, marks: Callable[[], Marks]) -> Crate:
    """The crate of a document; what can be made of it where the document is not sound.

    Args:
        marks: the positions in the document, read only when something is wrong.
    """
    model = document.parsed.model
    if not isinstance(model, Configcrate):
        model = (Usercrate if document.kind is Kind.USERCRATE else Configcrate)(name="invalid")
    return _Compiler(document, model, marks).compile()


class _Compiler:
    def __init__(self, document: Document, model: Configcrate, marks: Callable[[], Marks]) -> None:
        self.document: Final = document
        self.model: Final = model
        self.name: Final = document.stem
        self.marks: Final = marks
        self.found: Final[list[Diagnostic]] = []
        self.needs: Final[list[Need]] = []
        self.sources: Final[list[Source]] = []
        self.users: Final = UserRules(model) if isinstance(model, Usercrate) else None
        """Of a usercrate, what is asked of it beyond other crates."""
        self.roots: Final = proofs.roots_for(None, per_user=self.users is not None)
        self.item_roots: Final = proofs.roots_for(_ANY_ITEMS, per_user=self.users is not None)
        """Under a `foreach`."""
        self.prefix: Final = f"{'' if self.users is None else USERCRATE_PREFIX}{self.name}/"
        """Of the ids of its resources."""

    def compile(self) -> Crate:
        entries = self._entries()
        nodes = self._nodes(entries)
        compiled, owned = [], []
        crate_given = self._condition(self.model.when, ("when",), frozenset())
        if self.users is not None and (nobody := self.users.nobody()):
            self._complain(nobody.code, (nobody.key,), nobody.message, nobody.hint)
        for entry, node in zip(entries, nodes, strict=True):
            self._read_expressions(entry, crate_given)
            compiled.append(self._compiled(entry, node))
            owned += self._owned(entry)
        self._refuse_double(owned)
        plain: dict[str, Any] = {"format": CRATE_FORMAT, "name": self.name, "resources": compiled}
        if self.model.when is not None:
            plain["when"] = self.model.when
        if self.model.vars:
            plain["vars"] = self.model.vars
        if self.users is not None:
            plain |= self.users.shown()
        body = encoding.dumps(plain, plain=self.document.parsed.plain)
        named = secrets.find(plain) if b"secret:" in body else ()
        return Crate(
            self.document,
            self.name,
            self.model.vars,
            tuple(self.model.depends_on),
            body,
            sha256(body),
            tuple(node.id for node in nodes),
            tuple(owned),
            tuple(self.sources),
            tuple(self.needs),
            frozenset(named),
            tuple(self.found),
        )

    def _entries(self) -> list[_Entry]:
        entries = []
        for index, resource in enumerate(self.model.resources):
            model = RESOURCES.get(resource.type)
            if model is None:
                continue
            spec = specification(resource.type, resource.model_extra or {}, self.model.defaults)
            name = resource.name or identity(model, spec) or f"{resource.type}[{index}]"
            entries.append(_Entry(index, resource, name, spec, model, model.notify_only(spec)))
        return entries

    # order

    def _nodes(self, entries: Sequence[_Entry]) -> list[Node]:
        """The resources as a graph: references resolved, cycles and what nothing runs refused."""
        nodes = [Node(self.prefix + entry.name) for entry in entries]
        by_name: dict[str, Node] = {}
        for entry, node in zip(entries, nodes, strict=True):
            if by_name.setdefault(entry.name, node) is not node:
                message = f"a second resource is called {entry.name}"
                self._complain(
                    "resource.duplicate-name", self._path(entry, "name"), message, "give it a name of its own"
                )
        in_order = self._connect(entries, nodes, by_name)
        notifiers: dict[int, list[Node]] = {}
        for node in nodes:
            for target in node.notify:
                notifiers.setdefault(id(target), []).append(node)
        if not in_order:
            self._refuse_cycles(entries, nodes, notifiers)
        for entry, node in zip(entries, nodes, strict=True):
            if entry.notify_only and id(node) not in notifiers:
                message = f"{entry.name} runs only when notified, and nothing notifies it"
                hint = f"notify: [{entry.name}] in what changes it, or subscribes here"
                self._complain("idempotency.never-notified", self._path(entry), message, hint)
        return nodes

    def _connect(self, entries: Sequence[_Entry], nodes: Sequence[Node], by_name: Mapping[str, Node]) -> bool:
        """Resolve what resources name; whether each is known to wait for such as stand before it alone."""
        seen: set[int] = set()
        in_order = True
        for entry, node in zip(entries, nodes, strict=True):
            resource = entry.resource
            if resource.depends_on:
                node.requires += (found := self._resolve(entry, "depends_on", resource.depends_on, by_name))
                in_order = in_order and all(id(other) in seen for other in found)
            if resource.notify:
                node.notify += (found := self._resolve(entry, "notify", resource.notify, by_name))
                in_order = in_order and not any(id(other) in seen or other is node for other in found)
            if resource.before or resource.subscribes:
                in_order = False
                for other in self._resolve(entry, "before", resource.before, by_name):
                    other.requires.append(node)
                for other in self._resolve(entry, "subscribes", resource.subscribes, by_name):
                    other.notify.append(node)
            seen.add(id(node))
        return in_order

    def _refuse_cycles(
        self, entries: Sequence[_Entry], nodes: Sequence[Node], notifiers: Mapping[int, Sequence[Node]]
    ) -> None:
        for cycle in ordering.cycles(nodes, lambda node: [*node.requires, *notifiers.get(id(node), ())]):
            shown = " → ".join([*(each.short for each in cycle), cycle[0].short])
            entry = entries[nodes.index(cycle[0])]
            self._complain(
                "resource.cycle", self._path(entry), f"each waits for the next: {shown}", "take one link away"
            )

    def _resolve(self, entry: _Entry, key: str, names: Sequence[str], by_name: Mapping[str, Node]) -> list[Node]:
        found = []
        for position, name in enumerate(names):
            if name in by_name:
                found.append(by_name[name])
            elif name not in (known := {*by_name, *self._unsound_names()}):
                hint = nearest(name, known) or "resources refer to others of their own crate"
                message = f"{self.name} has no resource {name}"
                self._complain("resource.unknown", self._path(entry, key, position), message, hint)
        return found

    def _unsound_names(self) -> set[str]:
        """Names of resources that something else is wrong with: that they are unknown would be untrue."""
        if self.document.parsed.whole:
            return set()
        data = self.document.parsed.data
        resources = data.get("resources") if isinstance(data, dict) else None
        return {
            value
            for resource in (resources if isinstance(resources, list) else ())
            if isinstance(resource, dict)
            for value in resource.values()
            if isinstance(value, str)
        }

    # expressions

    def _read_expressions(self, entry: _Entry, crate_given: frozenset[expressions.Path]) -> None:
        resource = entry.resource
        items: Items | None = None
        given = crate_given
        if resource.when is not None:
            given = self._condition(resource.when, self._path(entry, "when"), crate_given)
        if resource.foreach is not None:
            items = proofs.items_of(resource.foreach)
            if isinstance(resource.foreach, str):
                self._foreach(entry, resource.foreach, items, given)
            else:
                self._templates(resource.foreach, self._path(entry, "foreach"), None, given)
        for key, value in entry.spec.items():
            if type(value) is str:
                if key == "source":
                    self._source(value, self._where(entry, key), items, given)
                elif "{" in value:
                    self._templates(value, self._where(entry, key), items, given)
            elif type(value) is list or type(value) is dict:
                self._templates(value, self._where(entry, key), items, given)

    def _templates(
        self, value: Any, where: DocumentPath, items: Items | None, given: frozenset[expressions.Path]
    ) -> None:
        roots = self.roots if items is None else self.item_roots
        for below, analysis in expressions.analyse_value(value, roots=roots, given=given):
            self._take(proofs.of(analysis, Origin((*where, *below), _at(value, below)), items=items))

    def _foreach(self, entry: _Entry, text: str, items: Items, given: frozenset[expressions.Path]) -> None:
        analysis = expressions.analyse(text, template=False, roots=self.roots, given=given)
        listed = items.path[:-1] if items.path is not None and items.path[-1] == EACH else None
        plain_path = listed if listed is not None and len(analysis.paths) == 1 and not analysis.filters else None
        self._take(proofs.of(analysis, Origin(self._path(entry, "foreach"), text), listed=plain_path))

    def _condition(
        self, text: str | None, where: DocumentPath, given: frozenset[expressions.Path]
    ) -> frozenset[expressions.Path]:
        """Read a `when`, which is asked once, before any `foreach`; what is known to be there where it holds."""
        if text is None:
            return given
        analysis = expressions.analyse(text, template=False, roots=self.roots, given=given)
        self._take(proofs.of(analysis, Origin(where, text)))
        return given | analysis.proves

    def _source(self, path: str, where: DocumentPath, items: Items | None, given: frozenset[expressions.Path]) -> None:
        if "{{" in path or "{%" in path:
            hint = "write one resource for each source, with `when`; or use content"
            self._complain("resource.dynamic-source", where, "a source may not be a template", hint)
        else:
            self.sources.append(Source(path, where, items, given, self.users is not None))

    def _take(self, proof: proofs.Proof) -> None:
        self.needs.extend(proof.needs)
        for objection in proof.objections:
            self.found.append(objection_at(objection, self.document, self.marks()))

    # what comes out

    def _compiled(self, entry: _Entry, node: Node) -> dict[str, Any]:
        resource = entry.resource
        parsed = self.document.parsed
        found: dict[str, Any] = {"id": node.id, "type": resource.type, "spec": entry.spec, "file": self.document.path}
        lines = parsed.item_lines.get("resources", ())
        index: str | int = entry.number
        if parsed.kept:
            _, index = original(("resources", index), parsed.kept)
        if isinstance(index, int) and index < len(lines):
            found["line"] = lines[index]
        if resource.when is not None:
            found["when"] = resource.when
        if resource.foreach is not None:
            found["foreach"] = resource.foreach
        if node.requires:
            found["requires"] = list(dict.fromkeys(each.id for each in node.requires))
        if node.notify:
            found["notify"] = list(dict.fromkeys(each.id for each in node.notify))
        if entry.notify_only:
            found["on_notify_only"] = True
        if resource.on_removal != "keep":
            found["on_removal"] = resource.on_removal
        if resource.audit:
            found["mode"] = "audit"
        return found

    def _owned(self, entry: _Entry) -> list[Owned]:
        model = entry.model
        if entry.resource.on_removal == "revert" and not model.REVERTIBLE:
            able = ", ".join(sorted(name for name, each in RESOURCES.items() if each.REVERTIBLE))
            message = f"what a {entry.resource.type} replaces is not remembered, so it cannot be put back"
            hint = f"revert is for {able}; report or keep is for all"
            self._complain("resource.not-revertible", self._path(entry, "on_removal"), message, hint)
        spec, owned = entry.spec, []
        where = self._where(entry, model.IDENTITY)
        for written in identities(model, spec):
            thing = plain_path(written) if model.IDENTITY == "path" else written
            # The thing as it is known for this profile; the other attributes as they are written.
            guarded = spec if spec[model.IDENTITY] is thing else {**spec, model.IDENTITY: thing}
            if why := guardrails.objection(guarded):
                self._complain("resource.guardrail", where, why, "the agent is updated by the server")
            if self.users is not None and (objection := self.users.objection(entry.resource, spec, thing)):
                code, key, message, hint = objection
                self._complain(code, self._where(entry, key), message, hint)
            if model.OWNS is None:
                continue
            if entry.resource.foreach is not None and "item" in thing:
                thing = f"{thing} for each of {entry.resource.foreach}"
            condition = (self.users.condition() if self.users else self.model.when, entry.resource.when)
            owned.append(Owned(model.OWNS, thing, condition, self.prefix + entry.name, where))
        return owned

    def _refuse_double(self, owned: Sequence[Owned]) -> None:
        for second, first in doubly_owned(owned):
            message = f"{second.kind} {second.thing} is also owned by {first.resource}"
            self._complain("crate.owned-twice", second.where, message, "a thing has one owner")

    # places

    def _path(self, entry: _Entry, *more: str | int) -> DocumentPath:
        return ("resources", entry.number, *more)

    def _where(self, entry: _Entry, key: str) -> DocumentPath:
        if key in (entry.resource.model_extra or {}):
            return self._path(entry, key)
        return ("defaults", key)

    def _complain(self, code: str, where: DocumentPath, message: str, hint: str = "") -> None:
        mark = self.marks().value(original(where, self.document.parsed.kept))
        self.found.append(diagnostic(code, self.document.path, mark.line, mark.column, message, hint))


_ANY_ITEMS: Final = Items()


def plain_path(path: str) -> str:
    """The one spelling of a path: `//` at its beginning, which POSIX leaves to the system, is `/` to Linux."""
    if path.startswith("/") and path != "/" and not path.endswith("/") and "//" not in path and "/." not in path:
        return path
    plain = posixpath.normpath(path)
    return plain[1:] if plain.startswith("//") else plain


def objection_at(objection: Objection, document: Document, marks: Marks) -> Diagnostic:
    """The diagnostic of an objection to a text in a document or in a template."""
    line, column, file = objection.line, objection.column, objection.origin.template
    if not file:
        file = document.path
        where = original(objection.origin.where, document.parsed.kept)
        line, column = marks.within(where, objection.origin.text, line, column)
    return diagnostic(objection.code, file, line, column, objection.message, objection.hint)


def doubly_owned(owned: Iterable[Owned]) -> list[tuple[Owned, Owned]]:
    """Pairs (second owner, first owner) of one thing.

    Two that stand under different conditions may exclude each other, as a package per family of systems does: nobody
    can tell before there is a host, and the host applies both only if both hold.
    """
    first: dict[tuple[str, str], list[Owned]] = {}
    found = []
    for each in owned:
        others = first.setdefault((each.kind, each.thing), [])
        clash = next((other for other in others if not _may_exclude(each, other)), None)
        if clash is not None:
            found.append((each, clash))
        others.append(each)
    return found


def _may_exclude(one: Owned, other: Owned) -> bool:
    return any(one.condition) and any(other.condition) and one.condition != other.condition


def _at(value: Any, path: Sequence[str | int]) -> str:
    for part in path:
        value = value[part]
    return str(value)

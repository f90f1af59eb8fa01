"""Tests: what they name is held against the tree. Whether what they expect is true, `reconciler.expectations` says.

A name that must be there and is not can never come true: an error. One that must not be there is a warning, since it
may be a slip that would keep the test from ever failing, or the very point of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from reconciler.documents import Document, Documents, Kind, operators
from reconciler.documents.complaints import diagnostic, listed, nearest
from reconciler.documents.marks import Path
from reconciler.documents.resources import COMMON, parameters
from reconciler.graph import patterns, selecting
from reconciler.graph.linking import Linked
from reconciler.graph.matching import Matcher
from reconciler.graph.patterns import BadPattern, PatternKind
from reconciler.graph.references import Known
from schema.diagnostics import Diagnostic
from schema.documents.environments import Environments
from schema.documents.tests import Contained, HostTest, HostTests
from schema.resources import RESOURCES

ABSENT: Final = "absent"
_ITEM: Final = re.compile(r"(?<=.)\[[0-9]{1,6}\]\Z")


class Told(NamedTuple):
    """What was wrong with the tests of a tree, and all that it depends on."""

    tests: Sequence[Document]
    environments: Sequence[Document]
    names: Known
    crates: Mapping[str, Linked]
    matcher: Matcher
    diagnostics: list[Diagnostic]


class Target(NamedTuple):
    """What a key of `resources` names: a resource of a crate, or all of a type that manage one thing."""

    crate: str = ""
    name: str = ""
    """With the number of a `foreach`'s item, if it is given."""
    type: str = ""
    identity: str = ""


def check(
    documents: Documents, names: Known, crates: Mapping[str, Linked], matcher: Matcher, before: Told | None
) -> Told:
    """What is wrong with the tests of a tree, beyond each file itself; of `before`, when nothing has changed."""
    tests, environments = documents.of(Kind.TESTS), documents.of(Kind.ENVIRONMENTS)
    if (
        before is not None
        and before.names is names
        and before.crates is crates
        and before.matcher is matcher
        and _same(before.tests, tests)
        and _same(before.environments, environments)
    ):
        return before
    checked = _Checks(documents, environments, names, crates, matcher) if tests else None
    found = [each for document in tests for each in checked.of(document)] if checked is not None else []
    return Told(tests, environments, names, crates, matcher, found)


def target(key: str) -> Target:
    """What a key of `resources` names: `CRATE/NAME` or `TYPE:IDENTITY`; with neither, a crate alone."""
    head, colon, rest = key.partition(":")
    if colon and "/" not in head:
        return Target(type=head, identity=rest)
    crate, _, name = key.partition("/")
    return Target(crate=crate, name=name)


def bare(name: str) -> str:
    """The name of a resource without the number of an item."""
    return _ITEM.sub("", name)


def written(document: Document, path: Path) -> Path:
    """Where a path of the model is written: a bare list is what `include` holds."""
    data = document.parsed.data
    kept: list[str | int] = []
    for part in path:
        if part == "include" and not isinstance(data, dict):
            continue
        try:
            data = data[part]
        except (LookupError, TypeError):
            data = None
        kept.append(part)
    return tuple(kept)


def _same(one: Sequence[Document], other: Sequence[Document]) -> bool:
    return len(one) == len(other) and all(first is second for first, second in zip(one, other, strict=True))


class _Checks:
    def __init__(
        self,
        documents: Documents,
        environments: Sequence[Document],
        names: Known,
        crates: Mapping[str, Linked],
        matcher: Matcher,
    ) -> None:
        self._documents: Final = documents
        self._names: Final = names
        self._crates: Final = crates
        self._matcher: Final = matcher
        self._environments: Final = _environments(environments)
        self._document: Document
        self._found: list[Diagnostic] = []

    def of(self, document: Document) -> list[Diagnostic]:
        """What is wrong with one file."""
        self._document, self._found = document, []
        model = document.parsed.model
        seen: set[str] = set()
        for index, test in enumerate(model.tests if isinstance(model, HostTests) else ()):
            at: Path = ("tests", index)
            if test.name in seen:
                self._say(
                    "test.duplicate", (*at, "name"), f"a second test is called {test.name}", "names tell them apart"
                )
            seen.add(test.name)
            self._subjects(test, at)
            self._expected(test, (*at, "expect"))
        return self._found

    def _subjects(self, test: HostTest, at: Path) -> None:
        for position, host in enumerate(test.hosts or ()):
            self._host(host, (*at, "hosts", position), expected=test.expect.matched is not False)
        self._known("environment", test.environment, (*at, "environment"), self._environments)
        self._known("role", test.role, (*at, "role"), self._names.roles)
        self._known("crate", test.configcrate, (*at, "configcrate"), self._names.crates)
        if test.match is not None:
            try:
                pattern = patterns.parse(test.match)
            except BadPattern as error:
                self._say("match.pattern", (*at, "match"), str(error), error.hint)
                return
            if not any(selecting.overlap(pattern, each) for each in self._matcher.patterns):
                self._say("test.no-host", (*at, "match"), f"no match block has a host that {test.match} matches")

    def _host(self, host: str, at: Path, *, expected: bool) -> None:
        try:
            pattern = patterns.parse(host)
        except BadPattern as error:
            self._say("match.pattern", at, str(error), "names have letters, digits, - and dots")
            return
        if pattern.kind is not PatternKind.EXACT:
            self._say(
                "match.pattern", at, f"{host} is no host's name", f"match: {host!r} is about every block that fits"
            )
        elif expected and self._matcher.match(host) is None:
            hint = nearest(host, (each.text for each in self._matcher.patterns if each.kind is PatternKind.EXACT))
            self._say("test.no-host", at, f"no match block applies to {host}", hint or "or expect: {matched: false}")

    def _expected(self, test: HostTest, at: Path) -> None:
        expect = test.expect
        if expect.environment:
            self._known("environment", expect.environment, (*at, "environment"), self._environments)
        self._contained("role", expect.roles, (*at, "roles"), self._names.roles)
        self._contained("crate", expect.configcrates, (*at, "configcrates"), self._names.crates)
        self._contained("usercrate", expect.usercrates, (*at, "usercrates"), self._names.usercrates)
        for key, value in expect.resources.items():
            self._resource(target(key), key, value, (*at, "resources", key))

    def _contained(self, what: str, contained: Contained | None, at: Path, known: Collection[str]) -> None:
        if contained is None:
            return
        for key in ("include", "only"):
            for position, name in enumerate(getattr(contained, key) or ()):
                self._known(what, name, (*at, key, position), known)
        for position, name in enumerate(contained.exclude):
            self._known(what, name, (*at, "exclude", position), known, needed=False)

    def _resource(self, wanted: Target, key: str, value: object, at: Path) -> None:
        needed = value != ABSENT
        if wanted.type:
            if wanted.type not in RESOURCES:
                hint = nearest(wanted.type, RESOURCES) or f"known types: {listed(RESOURCES)}"
                self._say("resource.unknown-type", at, f"there is no resource type {wanted.type}", hint, on_key=True)
            else:
                self._parameters(wanted.type, value, at)
            return
        if not wanted.name:
            hint = "a resource is CRATE/NAME or TYPE:IDENTITY, as nginx/reload or file:/etc/motd"
            self._say("schema.bad-value", at, f"{key} names no resource", hint, on_key=True)
            return
        self._known("crate", wanted.crate, at, self._names.crates, needed=needed, on_key=True)
        linked = self._crates.get(wanted.crate)
        if linked is None or not linked.whole:
            return
        ids = {id_.partition("/")[2]: number for number, id_ in enumerate(linked.crate.resources)}
        name = wanted.name if wanted.name in ids else bare(wanted.name)
        resource = linked.crate.document.parsed.data["resources"][ids[name]] if name in ids else {}
        if name in ids and (name == wanted.name or resource.get("foreach") is not None):
            self._parameters(resource["type"], value, at)
            return
        message, hint = f"{wanted.crate} has no resource {name}", nearest(name, ids) or f"it has {listed(ids)}"
        if name in ids:
            message, hint = f"{wanted.crate}/{name} has no items", "only what has a foreach has them"
        if needed:
            self._say("resource.unknown", at, message, hint, on_key=True)
        else:
            self._say("test.never-fails", at, f"{message}: this cannot fail", hint, on_key=True)

    def _parameters(self, kind: str, value: object, at: Path) -> None:
        if not isinstance(value, dict):
            return
        known = parameters(kind)
        if operators.are_operators(value):
            return  # the file itself is wrong with that, or `absent: true` says it another way
        for key in value:
            if key not in known:
                hint = nearest(key, known) or f"known keys: {listed(known)}"
                message = (
                    f"{key} says nothing about what a {kind} is to be" if key in COMMON else f"a {kind} has no {key}"
                )
                self._say("resource.unknown-key", (*at, key), message, hint, on_key=True)

    def _known(
        self,
        what: str,
        name: str | None,
        at: Path,
        known: Collection[str],
        *,
        needed: bool = True,
        on_key: bool = False,
    ) -> None:
        if name is None or name in known:
            return
        kind = "configcrate" if what == "crate" else what
        message, hint = f"there is no {kind} {name}", nearest(name, known)
        if needed:
            self._say(f"{what}.unknown", at, message, hint, on_key=on_key)
        else:
            self._say("test.never-fails", at, f"{message}: this cannot fail", hint, on_key=on_key)

    def _say(self, code: str, at: Path, message: str, hint: str = "", *, on_key: bool = False) -> None:
        document = self._document
        line, column = self._documents.place(document, written(document, at), on_key=on_key)
        self._found.append(diagnostic(code, document.path, line, column, message, hint))


def _environments(documents: Iterable[Document]) -> frozenset[str]:
    def names() -> Iterator[str]:
        for document in documents:
            model = document.parsed.model
            if isinstance(model, Environments):
                yield from model.environments

    return frozenset(names())

"""Running: every test of a graph's documents, each host or match block that it is about, each thing that it expects."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from reconciler.documents import Document, Kind
from reconciler.documents.complaints import listed, nearest
from reconciler.documents.marks import Path
from reconciler.expectations import origins
from reconciler.expectations.comparing import MISSING, compare
from reconciler.expectations.hosts import (
    CONTENT,
    SOURCE,
    Broken,
    Host,
    Instance,
    Stated,
    Subject,
    Unknown,
    identities,
    needs,
    resources_of,
)
from reconciler.expectations.origins import Origin
from reconciler.graph import Graph, patterns, selecting
from reconciler.graph.assertions import ABSENT, Target, bare, target, written
from reconciler.graph.crates import plain_path
from reconciler.graph.profiles import Profile
from schema.documents.tests import Contained, HostTest, HostTests
from schema.expectations import Failure, Verdict, Verdicts
from schema.expressions import has_tags
from schema.resources import RESOURCES

MAX_FAILURES: Final = 100
"""Of one test that are listed; the others are counted."""

_TAGS: Final = re.compile(r"\{[{%#]")
_HIDDEN: Final = frozenset({"password_hash"})
"""Parameters that are never shown; nor is the content of what is `sensitive`."""
_GONE: Final = frozenset({"absent", "purged"})
"""States in which a resource sees to it that a thing is not there."""


def run(graph: Graph) -> Verdicts:
    """What comes of all tests, in path order and as they stand in their files."""
    living = selecting.living(graph.matcher, graph.order) if graph.documents.of(Kind.TESTS) else []
    found = []
    for document in graph.documents.of(Kind.TESTS):
        model = document.parsed.model
        for index, test in enumerate(model.tests if isinstance(model, HostTests) else ()):
            found.append(_Test(graph, document, index, test, living).verdict())
    return Verdicts(passed=all(each.passed for each in found), commit=graph.commit, tests=found)


class _Test:
    def __init__(self, graph: Graph, document: Document, index: int, test: HostTest, living: Sequence[Profile]) -> None:
        self._graph: Final = graph
        self._document: Final = document
        self._at: Final[Path] = ("tests", index)
        self._test: Final = test
        self._living: Final = living
        self._stated: Final = Stated(test)
        self._failures: Final[list[Failure]] = []
        self._left_out = 0
        self._subject = Subject("", None)

    def verdict(self) -> Verdict:
        """What comes of it."""
        test, count = self._test, 0
        for subject in self._subjects():
            count += 1
            self._subject = subject
            self._look(subject)
        if count == 0:
            key = next(key for key in ("match", "environment", "role", "configcrate") if getattr(test, key) is not None)
            self._subject = Subject("(no host)", None)
            self._fail((key,), "hosts", "a host or match block", "none that it could be about")
        return Verdict(
            name=test.name,
            place=origins.at(self._graph, self._document, (*self._at, "name")),
            passed=not self._failures,
            subjects=count,
            failures=self._failures,
            left_out=self._left_out or None,
        )

    def _subjects(self) -> Iterator[Subject]:
        test, graph = self._test, self._graph
        if test.hosts is not None:
            for name in dict.fromkeys(test.hosts):
                yield Subject(name, graph.match(name), name)
            return
        pattern = patterns.parse(test.match) if test.match is not None else None
        for profile in selecting.select(
            self._living,
            graph.roles,
            pattern=pattern,
            environment=test.environment,
            role=test.role,
            configcrate=test.configcrate,
        ):
            place = origins.of_block(graph, profile, "match").place
            exact = profile.pattern.kind is patterns.PatternKind.EXACT
            label = f"{profile.match_pattern} ({place.file}:{place.line})"
            yield Subject(label, profile, profile.match_pattern if exact else None)

    def _look(self, subject: Subject) -> None:
        expect, profile = self._test.expect, subject.profile
        if profile is None:
            if expect.matched is not False:
                exact = [each.match_pattern for each in self._living if each.pattern.kind is patterns.PatternKind.EXACT]
                hint = nearest(subject.label, exact)
                at = self._of_host(subject.label) if expect.matched is None else ("expect", "matched")
                self._fail(at, "matched", "true", "no match block applies", hint=hint)
            return
        if expect.matched is False:
            origin = origins.of_block(self._graph, profile, "match")
            self._fail(("expect", "matched"), "matched", "false", f"{profile.match_pattern} applies", origin)
            return
        if expect.environment is not None and expect.environment != profile.environment:
            origin = origins.of_block(self._graph, profile, *(("environment",) if profile.environment else ("match",)))
            found = profile.environment or "none"
            self._fail(("expect", "environment"), "environment", expect.environment or "none", found, origin)
        self._roles(expect.roles, profile)
        host = Host(self._graph, profile, subject.hostname, self._stated)
        self._crates(expect.configcrates, profile, host)
        self._usercrates(expect.usercrates, profile)
        for key, value in expect.vars.items():
            self._var(key, value, profile, host)
        for key, value in expect.resources.items():
            self._resource(key, value, host)
        if expect.renders:
            self._renders(host)

    # what a block gives

    def _roles(self, contained: Contained | None, profile: Profile) -> None:
        if contained is not None:
            has = selecting.roles_of(profile, self._graph.roles)
            for at, expected, name in _differences(contained, has):
                origin = origins.of_role(self._graph, profile, name) if name in has else None
                self._fail(("expect", "roles", *at), "roles", expected, listed(has) or "none", origin)

    def _crates(self, contained: Contained | None, profile: Profile, host: Host) -> None:
        if contained is not None:
            has = list(host.crates)
            for at, expected, name in _differences(contained, has):
                if name in has:
                    origin = origins.of_crate(self._graph, profile, name)
                    found = f"{name}, from {origin.source}" if origin is not None else name
                else:
                    origin = origins.of_exclusion(self._graph, profile, name)
                    found = f"excluded by {origin.source}" if origin is not None else "nothing brings it"
                self._fail(("expect", "configcrates", *at), "configcrates", expected, found, origin)

    def _usercrates(self, contained: Contained | None, profile: Profile) -> None:
        if contained is not None:
            has = [linked.name for linked in profile.usercrates.linked]
            for at, expected, name in _differences(contained, has):
                origin = origins.of_usercrate(self._graph, profile, name) if name in has else None
                found = listed(has) or "none"
                self._fail(("expect", "usercrates", *at), "usercrates", expected, found, origin)

    def _var(self, key: str, expected: Any, profile: Profile, host: Host) -> None:
        for crate, vars_ in host.values(key).items():
            path, value = _down(vars_, key)
            about = f"vars.{key}" + (f" in {crate}" if crate else "")
            for mismatch in compare(value, expected):
                origin = origins.of_var(self._graph, profile, [*path, *map(str, mismatch.path)], crate)
                below = "".join(f".{part}" for part in mismatch.path)
                hint = mismatch.hint
                if mismatch.found == "nothing" and not hint and not mismatch.path:
                    _, around = _down(vars_, key.rpartition(".")[0]) if "." in key else ((), vars_)
                    hint = nearest(key.rpartition(".")[2], map(str, around)) if isinstance(around, dict) else ""
                at = ("expect", "vars", key, *mismatch.path, *((mismatch.operator,) if mismatch.operator else ()))
                self._fail(at, about + below, mismatch.expected, mismatch.found, origin, hint)

    # what is rendered

    def _resource(self, key: str, expected: Any, host: Host) -> None:
        at, about = ("expect", "resources", key), f"resources.{key}"
        try:
            found = list(_instances(host, target(key)))
            if expected == ABSENT or expected == "present":
                self._presence(found, expected, at, about, host)
                return
            if not found:
                self._fail(at, about, "present", "absent", hint=_why_not(host, target(key)))
        except (Unknown, Broken) as error:
            self._cannot(error, at, about, "present" if isinstance(expected, dict) else str(expected))
            return
        for instance in found:
            try:
                self._parameters(instance, expected, at, about, host)
            except (Unknown, Broken) as error:
                self._cannot(error, at, f"resources.{instance.id}", "its parameters", self._origin(instance))

    def _presence(self, found: Sequence[Instance], expected: str, at: Path, about: str, host: Host) -> None:
        there = [each for each in found if not self._sees_it_gone(each, host)]
        if expected == ABSENT and there:
            self._fail(at, about, ABSENT, f"{there[0].id} manages it", self._origin(there[0]))
        elif expected != ABSENT and not there:
            gone = f"{found[0].id} sees to it that it is not there" if found else "absent"
            origin = self._origin(found[0], "state") if found else None
            self._fail(at, about, "present", gone, origin, hint="" if found else _why_not(host, target(about[10:])))

    def _sees_it_gone(self, instance: Instance, host: Host) -> bool:
        if "state" in (derived := host.derived(instance)):
            raise needs(derived["state"], "state")
        return "state" in instance.resource.spec and self._rendered(host, instance).get("state") in _GONE

    def _parameters(self, instance: Instance, expected: Any, at: Path, about: str, host: Host) -> None:
        derived = host.derived(instance)
        for name in [each for each in derived if each in expected]:
            origin = self._origin(instance, SOURCE if SOURCE in instance.resource.spec and name == CONTENT else name)
            self._cannot(needs(derived[name], "it"), (*at, name), f"{about}.{name}", "a value", origin)
        expected = {name: value for name, value in expected.items() if name not in derived}
        if not expected:
            return
        values = self._rendered(host, instance)
        if CONTENT in expected:
            text = host.content(instance, values)
            if text is None and SOURCE in values:
                raise Unknown(f"{values[SOURCE]} is not UTF-8, so that its content is no text")
            values = {**values, CONTENT: text} if text is not None else values
        for mismatch in compare(values, expected):
            name = str(mismatch.path[0]) if mismatch.path else ""
            what = instance.id if bare(about) != about or "[" in instance.id else about.removeprefix("resources.")
            where = (*at, *mismatch.path, *((mismatch.operator,) if mismatch.operator else ()))
            key = SOURCE if name == CONTENT and SOURCE in values else name
            below = "".join(f".{part}" for part in mismatch.path)
            origin = self._origin(instance, key)
            found, hint = mismatch.found, mismatch.hint
            if name in _HIDDEN or (name == CONTENT and values.get("sensitive")):
                found, hint = ("nothing" if found == "nothing" else "something else, which is not shown"), ""
            self._fail(where, f"resources.{what}{below}", mismatch.expected, found, origin, hint)

    def _rendered(self, host: Host, instance: Instance, *, content: bool = False) -> dict[str, Any]:
        """Its parameters; what fails with a secret's name may well be good with its value."""
        try:
            values = host.parameters(instance)
            if content:
                host.content(instance, values)
        except Broken as error:
            if derived := host.derived(instance):
                names = sorted({name for each in derived.values() for name in each})
                raise needs(names, f"whether it renders ({error})") from error
            raise
        return values

    def _renders(self, host: Host) -> None:
        at = ("expect", "renders")
        for linked in host.crates.values():
            for number, resource in resources_of(linked):
                try:
                    for instance in host.instances(linked, number):
                        self._rendered(host, instance, content=True)
                except (Unknown, Broken) as error:
                    origin = self._origin(Instance(resource, linked, number, resource.id, {}))
                    self._cannot(error, at, f"resources.{resource.id}", "renders", origin)

    # telling

    def _origin(self, instance: Instance, key: str = "") -> Origin:
        graph, document = self._graph, instance.linked.crate.document
        path: Path = ("resources", instance.number)
        if key and key in instance.resource.spec:
            resources = document.parsed.data["resources"]
            path = (*path, key) if key in resources[instance.number] else ("defaults", key)
        document = graph.documents.by_path.get(document.path, document)
        return Origin(origins.at(graph, document, path), f"configcrate:{instance.linked.name}")

    def _cannot(
        self, error: Unknown | Broken, at: Path, about: str, expected: str, origin: Origin | None = None
    ) -> None:
        word = "unknown" if isinstance(error, Unknown) else "it fails"
        self._fail(at, about, expected, f"{word}: {error}", origin)

    def _of_host(self, name: str) -> Path:
        return ("hosts", (self._test.hosts or []).index(name))

    def _fail(
        self, below: Path, about: str, expected: str, found: str, origin: Origin | None = None, hint: str = ""
    ) -> None:
        if len(self._failures) >= MAX_FAILURES:
            self._left_out += 1
            return
        path = written(self._document, (*self._at, *below))
        self._failures.append(
            Failure(
                subject=self._subject.label,
                about=about,
                expected=expected,
                found=found,
                place=origins.at(self._graph, self._document, path),
                origin=origin.place if origin is not None else None,
                source=origin.source if origin is not None else "",
                hint=hint,
            )
        )


def _differences(contained: Contained, has: Sequence[str]) -> Iterator[tuple[Path, str, str]]:
    """(where in `contained`, what is expected, name) of each name that is not as it should be."""
    for position, name in enumerate(contained.include):
        if name not in has:
            yield ("include", position), f"includes {name}", name
    for position, name in enumerate(contained.exclude):
        if name in has:
            yield ("exclude", position), f"excludes {name}", name
    if contained.only is not None:
        for position, name in enumerate(contained.only):
            if name not in has:
                yield ("only", position), f"includes {name}", name
        for name in has:
            if name not in contained.only:
                yield ("only",), f"only {listed(contained.only) or 'nothing'}", name


def _down(vars_: Any, dotted: str) -> tuple[list[str], Any]:
    """The keys of a dotted path and what stands there; a key may hold dots itself."""
    if isinstance(vars_, dict) and dotted in vars_:
        return [dotted], vars_[dotted]
    parts = dotted.split(".")
    if isinstance(vars_, dict):
        for count in range(1, len(parts)):
            key = ".".join(parts[:count])
            if key in vars_:
                path, value = _down(vars_[key], ".".join(parts[count:]))
                if value is not MISSING:
                    return [key, *path], value
    return parts, MISSING


def _instances(host: Host, wanted: Target) -> Iterator[Instance]:
    """What a key of `resources` means on a host; nothing where it is not applied."""
    if wanted.type:
        yield from _of_thing(host, wanted.type, wanted.identity)
        return
    linked = host.crates.get(wanted.crate)
    if linked is None:
        return
    for number, id_ in enumerate(linked.crate.resources):
        name = id_.partition("/")[2]
        if name == wanted.name:
            yield from host.instances(linked, number)
        elif name == bare(wanted.name):
            yield from host.instances(linked, number, item=int(wanted.name[len(name) + 1 : -1]))


def _of_thing(host: Host, kind: str, identity: str) -> Iterator[Instance]:
    """What manages a thing. That something else may manage it, too, is of no interest where something does."""
    key = RESOURCES[kind].IDENTITY
    plain = plain_path if key == "path" else str
    wanted, found, doubt = plain(identity), False, None
    for linked in host.crates.values():
        for number, raw in identities(linked.crate.body, kind):
            if not _may_be(raw, wanted, plain):
                continue
            try:
                for instance in host.instances(linked, number):
                    if plain(host.identity(instance)) == wanted:
                        found = True
                        yield instance
            except (Unknown, Broken) as error:
                doubt = doubt or error
    if doubt is not None and not found:
        raise doubt


def _may_be(raw: Any, wanted: str, plain: Callable[[str], str]) -> bool:
    """Whether what is written may come to be this: by its literal beginning and end where it is a template."""
    if not isinstance(raw, str):
        return True
    if not has_tags(raw):
        return plain(raw) == wanted
    head, tail = _TAGS.split(raw, maxsplit=1)[0], raw.rpartition("}")[2]
    literal = "//" not in raw and "/." not in raw
    return not literal or (wanted.startswith(head) and wanted.endswith(tail))


def _why_not(host: Host, wanted: Target) -> str:
    if not wanted.crate:
        return ""
    if wanted.crate not in host.crates:
        return f"it does not have the configcrate {wanted.crate}"
    return "a condition (`when`) keeps it out, or `foreach` has no such item"

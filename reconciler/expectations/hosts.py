"""A host as a test has it: rendered with what the test states, each part when it is asked for.

The same order of things as on the host: the crate's condition, the resource's, `foreach`, parameters. What cannot be
told raises `Unknown`; what would fail on the host raises `Broken`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from reconciler import expressions
from reconciler.expectations.stated import StatedAnswers, StatedTraits
from reconciler.expressions.secrecy import derived, derived_in, secrets_read
from reconciler.graph import Graph
from reconciler.graph.linking import TEMPLATE, Linked
from reconciler.graph.profiles import Profile
from schema.documents.tests import HostTest
from schema.expressions import ExpressionError, Kind, Renderer
from schema.merging import APPEND, effective
from schema.protocol.desired import CompiledResource, CrateObject
from schema.resources import RESOURCES, ResourceSpec

MAX_ITEMS: Final = 10_000
CONTENT: Final = "content"
SOURCE: Final = "source"


class Unknown(Exception):
    """What the test would have to state first."""


class Broken(Exception):
    """It would fail on the host, too."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What one test is about: a host by name, or all hosts of a match block."""

    label: str
    profile: Profile | None
    """None: no block applies."""
    hostname: str | None = None


class Instance(NamedTuple):
    """One thing that a resource manages: itself, or one item of its `foreach`."""

    resource: CompiledResource
    linked: Linked
    number: int
    """Of the resource within its crate."""
    id: str
    scope: Mapping[str, Any]


@lru_cache(maxsize=4096)
def objects_of(body: bytes) -> CrateObject:
    """The object of a crate."""
    return CrateObject.model_validate_json(body)


class Stated:
    """What a test states of all its hosts."""

    def __init__(self, test: HostTest) -> None:
        self.renderer: Final = Renderer(StatedAnswers(test.answers))
        self.traits: Final = StatedTraits(test.traits)


class Host:
    """What one subject of one test is to be."""

    def __init__(self, graph: Graph, profile: Profile, hostname: str | None, stated: Stated) -> None:
        self._graph: Final = graph
        self._profile: Final = profile
        self._renderer: Final = stated.renderer
        self._traits: Final = stated.traits
        self._host: Final[dict[str, Any]] = {"environment": profile.environment, "roles": list(profile.roles)}
        if hostname is not None:
            self._host["hostname"] = hostname
        self._scopes: Final[dict[str, dict[str, Any]]] = {}

    @cached_property
    def crates(self) -> Mapping[str, Linked]:
        """The configcrates it has, by name."""
        known = self._graph.crates
        return {linked.name: linked for linked in self._profile.crates.linked if known.get(linked.name) is linked}

    def instances(self, linked: Linked, number: int, *, item: int | None = None) -> list[Instance]:
        """What one resource of a crate stands for; nothing where its conditions do not hold.

        Args:
            item: this one of its `foreach` alone.

        Raises:
            Unknown: its conditions or its items cannot be told.
            Broken: they have no value.
        """
        crate = objects_of(linked.crate.body)
        resource = crate.resources[number]
        scope = self._scope(linked)
        for condition in (crate.when, resource.when):
            if condition is not None and not self._holds(condition, scope):
                return []
        if resource.foreach is None:
            return [Instance(resource, linked, number, resource.id, scope)]
        items = resource.foreach
        names = derived(items, scope, template=False) if isinstance(items, str) else derived_in(items, scope)
        if names:
            raise needs(names, "what `foreach` goes through")
        given = self._value(items, scope) if isinstance(items, str) else self._rendered(items, scope)
        if not isinstance(given, list):
            raise Broken("foreach is no list")
        if len(given) > MAX_ITEMS:
            raise Broken(f"foreach has more than {MAX_ITEMS} items")
        return [
            Instance(resource, linked, number, f"{resource.id}[{at}]", {**scope, "item": each})
            for at, each in enumerate(given)
            if item is None or at == item
        ]

    def identity(self, instance: Instance) -> str:
        """What it manages: its path, package ...

        Raises:
            Unknown: as of `instances`.
            Broken: as of `instances`.
        """
        key = RESOURCES[instance.resource.type].IDENTITY
        if names := derived_in(instance.resource.spec.get(key), instance.scope):
            raise needs(names, key)
        return str(self._rendered(instance.resource.spec.get(key, ""), instance.scope))

    def derived(self, instance: Instance) -> Mapping[str, Sequence[str]]:
        """The parameters that compute with secrets, by name: what `parameters` and `content` give there is not what
        the host has. Each with the names of those secrets.
        """
        found = {key: derived_in(value, instance.scope) for key, value in instance.resource.spec.items()}
        source = instance.resource.spec.get(SOURCE)
        if isinstance(source, str) and source.endswith(TEMPLATE):
            text = self._text(instance, source)
            found[CONTENT] = derived(text, instance.scope, template=True) if text is not None else []
        return {key: names for key, names in found.items() if names}

    def parameters(self, instance: Instance) -> dict[str, Any]:
        """Its parameters as its type takes them, defaults included; those that are not set are left out.

        Raises:
            Unknown: as of `instances`.
            Broken: they do not render, or not to what the type takes.
        """
        raw = instance.resource.spec
        rendered = self._rendered(raw, instance.scope)
        try:
            spec = self._validated(RESOURCES[instance.resource.type], raw, rendered, instance.scope)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "its parameters"
            raise Broken(f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}") from error
        return {key: value for key, value in spec.model_dump(by_alias=True).items() if value is not None}

    def content(self, instance: Instance, parameters: Mapping[str, Any]) -> str | None:
        """The text that a file gets, from wherever; None where it gets none, or no text.

        Raises:
            Unknown: as of `instances`.
            Broken: the template does not render.
        """
        source = parameters.get(SOURCE)
        if source is None:
            text = parameters.get(CONTENT)
            return text if isinstance(text, str) else None
        text = self._text(instance, source)
        if text is None or not source.endswith(TEMPLATE):
            return text
        return str(self._guarded(source, text, instance.scope))

    def _text(self, instance: Instance, source: str) -> str | None:
        delivered = instance.linked.content.get(source)
        data = self._graph.object(delivered.ref.sha256) if delivered is not None else None
        try:
            return data.decode("utf-8") if data is not None else None
        except UnicodeDecodeError:
            return None

    def values(self, dotted: str) -> dict[str, Any]:
        """All vars, by the crate whose own defaults have a say in this one; the key is empty where none has."""
        parts = dotted.split(".")
        keys = {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
        keys |= {f"{key}{APPEND}" for key in keys}
        own = [linked for linked in self.crates.values() if not keys.isdisjoint(linked.crate.vars)]
        if not own:
            return {"": effective({}, self._profile.resolution.vars)}
        return {linked.name: effective(linked.crate.vars, self._profile.resolution.vars) for linked in own}

    def _scope(self, linked: Linked) -> dict[str, Any]:
        found = self._scopes.get(linked.name)
        if found is None:
            vars_ = effective(linked.crate.vars, self._profile.resolution.vars)
            found = self._scopes[linked.name] = {"vars": vars_, "traits": self._traits, "host": self._host}
        return found

    def _holds(self, condition: str, scope: Mapping[str, Any]) -> bool:
        analysis = expressions.analyse(condition, template=False)
        if names := secrets_read(condition, analysis, scope):
            raise Unknown(f"secret:{names[0]}: nobody but the host has the value that `{condition}` asks for")
        return bool(self._value(condition, scope))

    def _value(self, expression: str, scope: Mapping[str, Any]) -> Any:
        try:
            return self._renderer.evaluate(expression, scope)
        except ExpressionError as error:
            raise self._told(error, expression, template=False) from error

    def _rendered(self, value: Any, scope: Mapping[str, Any]) -> Any:
        try:
            return self._renderer.render_value(value, scope)
        except ExpressionError as error:
            raise self._told(error, "", template=True) from error

    def _guarded(self, source: str, text: str, scope: Mapping[str, Any]) -> str:
        try:
            return self._renderer.render(text, scope)
        except ExpressionError as error:
            told = self._told(error, text, template=True)
            raise type(told)(f"{source}:{error.line}: {told}") from error

    def _told(self, error: ExpressionError, text: str, *, template: bool) -> Unknown | Broken:
        if error.message.startswith("host.hostname is") and "hostname" not in self._host:
            return Unknown("host.hostname: name the hosts under `hosts`")
        if error.kind is not Kind.UNKNOWN:
            return Broken(error.message)
        uses = expressions.analyse(text, template=template).paths if text else ()
        more = sorted({use.dotted for use in uses if use.path[0] == "traits" and use.dotted not in error.message})
        return Unknown(
            f"{error.message} ({text if not template else 'it'} uses {', '.join(more)}, too)" if more else error.message
        )

    def _validated(
        self, model: type[ResourceSpec], raw: Mapping[str, Any], rendered: dict[str, Any], scope: Mapping[str, Any]
    ) -> ResourceSpec:
        """The spec; a number that came of one whole expression is text where text is asked for, as on the host."""
        try:
            return model.model_validate(rendered)
        except ValidationError as error:
            wants_text = {one["loc"] for one in error.errors(include_url=False) if one["type"] == "string_type"}
        for key, written in raw.items():
            if (key,) in wants_text and key != "mode" and isinstance(rendered[key], int | float):
                rendered[key] = self._guarded(key, str(written), scope)
        return model.model_validate(rendered)


def needs(names: Sequence[str], what: str) -> Unknown:
    """That something is computed from secrets, which stand here by name alone."""
    listed = ", ".join(f"secret:{name}" for name in names)
    return Unknown(f"{what} depends on {listed}, and nobody but the host has the value")


def resources_of(linked: Linked) -> Iterator[tuple[int, CompiledResource]]:
    """The resources of a crate, numbered."""
    yield from enumerate(objects_of(linked.crate.body).resources)


@lru_cache(maxsize=4096)
def identities(body: bytes, kind: str) -> tuple[tuple[int, Any], ...]:
    """The resources of one type in the object of a crate: number, and as it is written, what each manages."""
    key = RESOURCES[kind].IDENTITY
    found = enumerate(objects_of(body).resources)
    return tuple((number, each.spec.get(key)) for number, each in found if each.type == kind)

"""The plan: what is worked out of one desired state and kept between runs.

Owns order, binding of secrets, rendering, and validation of specs; which usercrates stand for which users is
`agent.usercrates`. A resource is rendered and validated again only when
something that it looks at has changed: so a run that finds nothing to do is little more than reading the host. It never
touches the host, but for what expressions ask of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import ValidationError

from agent import ordering, uses
from agent.binding import Binding
from agent.desired import Desired
from agent.functions import Functions
from agent.glance import Glance
from agent.hosts import Account, Host, HostFault
from agent.hosts.host import components
from agent.journal import Entry, Journal
from agent.masking import Mask
from agent.resources import TYPES
from agent.resources.types import Content, ResourceFailed, ResourceType
from agent.sparing import Given
from agent.usercrates import Usercrates
from agent.users import User
from agent.uses import ANYTHING, Uses
from schema import guardrails
from schema.expressions import ExpressionError, Kind
from schema.ids import sha256
from schema.merging import effective
from schema.protocol.desired import CompiledResource, CrateObject, CrateRef, UsercrateObject
from schema.protocol.reports import ResourceReport
from schema.resources import ResourceSpec
from schema.secrets import UnknownSecret, find
from schema.time import Clock

if TYPE_CHECKING:
    from schema.expressions import Renderer

MAX_ITEMS: Final = 10_000
TEMPLATE_SUFFIX: Final = ".j2"
NO_ENTRY: Final = Entry("", "", "", "")
_NONE: Final[frozenset[str]] = frozenset()
_ENCODED: Final = json.JSONEncoder(sort_keys=True, default=str).encode
_UNKNOWN_TEMPLATE: Final = Uses(ANYTHING, ANYTHING, ANYTHING)


class Instance(NamedTuple):
    """One thing to converge: a resource, or one item of its `foreach`."""

    id: str
    prepared: Any = None
    digest: str = ""
    """Names the desired state, to compare with the journal's."""
    path: str = ""
    """The path it owns, if it owns one."""
    owns: tuple[tuple[str, str], ...] = ()
    """What it owns whole: two resources of one host may not own one thing."""
    attributes: Any = None
    entry: Entry = NO_ENTRY
    """What the journal is to hold once it is reached."""
    error: str = ""
    """Why there is nothing to converge to."""
    skipped: str = ""
    """Why that is no failure."""


@dataclass(slots=True)
class Step:
    """One resource of the catalog, and what is known of it before a run."""

    resource: CompiledResource
    crate: CratePlan
    kind: ResourceType[Any, Any] | None
    host: Host
    """The machine; of a usercrate, as it is touched on behalf of the user."""
    requires: tuple[int, ...]
    notifies: tuple[int, ...]
    used: Uses = uses.NOTHING
    attributes: dict[str, Any] | None = None
    """With secrets bound, not yet rendered."""
    secrets: frozenset[str] = _NONE
    error: str = ""
    instances: list[Instance] | None = None
    """Of the last run."""
    fresh: bool = False
    """Whether they are what rendering anew would give."""
    calm: bool = False
    """Whether the last run left all of them as desired."""
    paths: frozenset[str] = frozenset()
    """Whose change is drift of one of them."""
    places: frozenset[str] = frozenset()
    """Where else a change of one of them shows; see `agent.places`."""
    clocked: bool = False
    """Its condition or its attributes depend on the time of day."""
    waits: bool = False
    """Whether it waits for anything that may fail."""
    conditional: bool = False
    rendered: bool = False
    """Whether its attributes have templates or secrets: else they are what is written, the same object."""
    restful: bool = False
    """Whether nothing but files may decide that it is right; see `agent.glance`."""


@dataclass(slots=True)
class CratePlan:
    """One crate: its condition, its vars with secrets in place, the crates that it waits for."""

    name: str
    when: str | None
    requires: tuple[int, ...]
    vars: dict[str, Any]
    holds: Mapping[str, set[str]]
    """Top key of vars → secrets below it."""
    lacks: Mapping[str, UnknownSecret]
    """Top key of vars → a secret that is not at hand."""
    scope: dict[str, Any]
    host: Host
    clocked: bool = False
    user: User | None = None
    """Of a usercrate: for whom."""
    absent: str = ""
    """Why it is left alone in this run; empty where it is not."""


class Plan:
    """See the module. For one desired state, one host and one journal."""

    def __init__(self, desired: Desired, host: Host, journal: Journal, clock: Clock) -> None:
        self.host: Final = host
        self.salt: Final = journal.salt
        self._digest: Final = journal.digest
        self.mask: Final = Mask(desired.secrets)
        self.functions: Final = Functions(host, clock)
        self.unchanged: Final[dict[str, ResourceReport]] = {}
        """See `agent.reporting`."""
        self.glance: Final = Glance()
        self._desired: Final = desired
        self._given: Final = Given()
        self._binding: Final = Binding(desired.secrets)
        self._own: Final = () if host.confined else (*journal.places, str(Path(__file__).parent))
        """Where this agent lies, whatever it is called there."""
        self._traits: Mapping[str, Any] = {}
        self.crates: Final = self._plan_crates(desired.crates, desired.catalog.crates)
        self.steps: Final = self._plan_steps(desired.crates, self.crates)
        self._looks_at_traits = [step for step in self.steps if step.used.traits]
        self.by_id: Final = {step.resource.id: index for index, step in enumerate(self.steps)}
        self.order: Final = order_of(self.steps, self.crates)
        self._of_machine: Final = (len(self.crates), len(self.steps))
        crates = self._plan_crates(desired.usercrates, desired.catalog.usercrates)
        steps = self._plan_steps(desired.usercrates, crates)
        self._usercrates: Final = Usercrates(desired.usercrates, crates, steps)
        self.looked_at: Final = _looked_at([*self.crates, *crates], [*self.steps, *steps])
        """The traits that a run can look at; `*` where it can look at any."""
        self._users: Sequence[User] | None = None
        self._order_of_users: Sequence[int] = ()

    @cached_property
    def renderer(self) -> Renderer:
        """Of all expressions and templates."""
        from schema.expressions import Renderer  # most resources have none

        return Renderer(self.functions)

    def begin(self, traits: Mapping[str, Any], clock: Clock) -> None:
        """A run begins, with the traits of now."""
        looked_at = {key for step in self._looks_at_traits for key in step.used.traits}
        keys = traits.keys() | self._traits.keys() if "*" in looked_at else looked_at
        moved = {key for key in keys if traits.get(key) != self._traits.get(key)}
        self._traits = traits
        self.functions.clock = clock
        for crate in self.crates:
            crate.scope["traits"] = traits
        if moved:
            for step in self._looks_at_traits:
                step.fresh = step.fresh and "*" not in step.used.traits and moved.isdisjoint(step.used.traits)

    @property
    def usercrates(self) -> Sequence[UsercrateObject]:
        """What is to be done for each user."""
        return self._desired.usercrates

    def users(self, users: Sequence[User]) -> Sequence[int]:
        """The steps for these users, in order; made anew only when they are others than last time.

        Raises:
            ResourceFailed: too many of them.
        """
        if users != self._users:
            self._stand_for(users)
        absent: dict[Account, str] = {}
        for crate in self.crates[self._of_machine[0] :]:
            assert crate.user is not None
            account = crate.user.account
            if account not in absent:
                absent[account] = _absence(self.host, account)
            crate.absent = absent[account]
        return self._order_of_users

    def instances(self, step: Step) -> list[Instance]:
        """What the step stands for in this run, rendered and validated, each in a form to converge or with its error.

        Raises:
            ExpressionError: `foreach` has no value.
            UnknownSecret: `foreach` names one that is not at hand.
            ResourceFailed: `foreach` is no list, or too long a one; or the step can never be.
        """
        if step.error:
            raise ResourceFailed(step.error)
        if step.fresh and step.instances is not None:
            return step.instances
        scope = step.crate.scope
        foreach = step.resource.foreach
        before = {instance.id: instance for instance in step.instances or ()}
        if foreach is None:
            made = [self._instance(step, step.resource.id, scope, before)]
        else:
            items = self.renderer.evaluate(foreach, scope) if isinstance(foreach, str) else self._listed(foreach, scope)
            if not isinstance(items, list):
                raise ResourceFailed(f"foreach is a list, not a {type(items).__name__}")
            if len(items) > MAX_ITEMS:
                raise ResourceFailed(f"foreach has {len(items)} items, more than {MAX_ITEMS}")
            made = [
                self._instance(step, f"{step.resource.id}[{number}]", {**scope, "item": item}, before)
                for number, item in enumerate(items)
            ]
        step.instances = made
        step.calm = False
        assert step.kind is not None
        good = [instance for instance in made if not instance.error]
        step.paths = frozenset([path for instance in good for path in step.kind.paths(instance.prepared)])
        # What asks the host may get another answer a moment later; what failed may have what it lacked by then.
        step.fresh = not step.used.functions and len(good) == len(made)
        return made

    def prepared(self, kind: ResourceType[Any, Any]) -> list[Any]:
        """All of one type that is known already: what a type may read at once."""
        return [
            instance.prepared
            for step in self.steps
            if step.kind is kind
            for instance in step.instances or ()
            if not instance.error
        ]

    # private: a run

    def _stand_for(self, users: Sequence[User]) -> None:
        first_crate, first_step = self._of_machine
        for step in self.steps[first_step:]:
            del self.by_id[step.resource.id]
        del self.crates[first_crate:], self.steps[first_step:]
        self._users, self._order_of_users = None, ()
        self.unchanged.clear()
        crates, steps = self._usercrates.of(users, self.host, first_crate=first_crate, first_step=first_step)
        for crate in crates:
            crate.scope["traits"] = self._traits
        self.crates.extend(crates)
        self.steps.extend(steps)
        self.by_id.update((step.resource.id, first_step + at) for at, step in enumerate(steps))
        self._looks_at_traits = [step for step in self.steps if step.used.traits]
        self._users, self._order_of_users = (
            users,
            order_of(steps, crates, first_step=first_step, first_crate=first_crate),
        )

    def _listed(self, items: list[Any], scope: Mapping[str, Any]) -> Any:
        return self._binding.release(self.renderer.render_value(self._binding.bind(items), scope))

    def _instance(self, step: Step, name: str, scope: Mapping[str, Any], before: Mapping[str, Instance]) -> Instance:
        assert step.kind is not None
        contents: list[str] = []

        def sources(path: str) -> Content:
            content = self._content(path, scope)
            contents.append(content.sha256)
            return content

        try:
            attributes: dict[str, Any] = step.attributes or {}
            if step.rendered:
                attributes = self._binding.release(self.renderer.render_value(attributes, scope))
            if (user := step.crate.user) is not None:
                attributes = user.defaults(step.kind.spec, step.host, attributes)
            old = before.get(name)
            if old is not None and old.attributes == attributes and not old.error and not _renders(attributes):
                return old
            spec = self._validated(step, attributes, scope)
            self._given.share(spec)
            if why := guardrails.objection(attributes, own=self._own):
                return Instance(name, error=self.mask(f"guardrail: {why}"))
            prepared = step.kind.prepare(spec, sources)
            owned = _owned(spec)
        except ValidationError as error:
            return Instance(name, error=self.mask(complaint(error)))
        except (ResourceFailed, HostFault, UnknownSecret, OSError) as error:
            return Instance(name, error=self.mask(str(error)))
        except ExpressionError as error:
            unasked = unaskable(error, self.host)
            return Instance(name, error=self.mask(str(error)), skipped=error.message if unasked else "")
        payload = _ENCODED([step.resource.type, attributes, contents]).encode()
        digest = self._digest(payload)
        path = owned[0][1] if owned and owned[0][0] == "path" else ""
        whose = None if step.crate.user is None else step.crate.user.account
        entry = Entry(digest, step.resource.type, path, step.resource.on_removal, whose)
        return Instance(name, prepared, digest, path, owned, attributes, entry)

    def _validated(self, step: Step, attributes: dict[str, Any], scope: Mapping[str, Any]) -> ResourceSpec:
        """The spec; a number that came of one whole expression is text where text is asked for."""
        assert step.kind is not None
        assert step.attributes is not None
        try:
            return step.kind.spec.model_validate(attributes)
        except ValidationError as error:
            wants_text = {one["loc"] for one in error.errors(include_url=False) if one["type"] == "string_type"}
        attributes = {**attributes}
        for field, raw in step.attributes.items():
            # A mode that comes as a number has lost its meaning: 0644 may have become 420.
            numeric = isinstance(raw, str) and isinstance(attributes[field], int | float)
            if numeric and (field,) in wants_text and field != "mode":
                attributes[field] = self._binding.release(self.renderer.render(raw, scope))
        return step.kind.spec.model_validate(attributes)

    def _content(self, path: str, scope: Mapping[str, Any]) -> Content:
        ref = self._desired.catalog.content.get(path)
        if ref is None:
            raise ResourceFailed(f"{path} is not in the catalog")
        if not path.endswith(TEMPLATE_SUFFIX):
            return Content(ref.sha256, ref.size, lambda: self._load(path))
        text = self._binding.bind(self._load(path).decode("utf-8", "surrogateescape"))
        data = self._binding.release(self.renderer.render(text, scope)).encode("utf-8", "surrogateescape")
        return Content(sha256(data), len(data), lambda: data)

    def _load(self, path: str) -> bytes:
        ref = self._desired.catalog.content[path]
        try:
            data = self._desired.load(ref.sha256)
        except LookupError as error:
            raise ResourceFailed(f"the content of {path} is not at hand") from error
        if sha256(data) != ref.sha256:
            raise ResourceFailed(f"the content of {path} is damaged")
        return data

    # private: once

    def _plan_crates(self, crates: Sequence[CrateObject], refs: Sequence[CrateRef]) -> list[CratePlan]:
        desired = self._desired
        host = {
            "hostname": desired.hostname,
            "environment": desired.catalog.environment,
            "roles": list(desired.catalog.roles),
        }
        index = {ref.name: number for number, ref in enumerate(refs)}
        named = [[index[name] for name in ref.requires if name in index] for ref in refs]
        requires = ordering.reaching(named, [bool(crate.resources) for crate in crates])
        planned = []
        for number, crate in enumerate(crates):
            bound, holds, lacks = self._binding.vars(effective(crate.vars, desired.catalog.vars))
            planned.append(
                CratePlan(
                    name=crate.name,
                    when=crate.when,
                    requires=requires[number],
                    vars=bound,
                    holds=holds,
                    lacks=lacks,
                    scope={"vars": bound, "traits": {}, "host": host},
                    host=self.host,
                    clocked=crate.when is not None and uses.of_expression(crate.when).clocked,
                )
            )
        return planned

    def _plan_steps(self, crates: Sequence[CrateObject], plans: Sequence[CratePlan]) -> list[Step]:
        listed = [(plan, resource) for plan, crate in zip(plans, crates, strict=True) for resource in crate.resources]
        index = {resource.id: place for place, (_, resource) in enumerate(listed)}
        steps = []
        for crate, resource in listed:
            step = Step(
                resource=resource,
                crate=crate,
                kind=TYPES.get(resource.type),
                host=self.host,
                requires=tuple([index[name] for name in resource.requires if name in index]),
                notifies=tuple([index[name] for name in resource.notify if name in index]),
                waits=bool(resource.requires or crate.requires),
                conditional=resource.when is not None or crate.when is not None,
            )
            steps.append(step)
            if step.kind is None:
                step.error = f"this agent does not know the resource type {resource.type}"
                continue
            self._bind(step)
            step.restful = step.kind.rests is not None and not (step.conditional or step.clocked)
        return steps

    def _bind(self, step: Step) -> None:
        """Find what the step looks at, and put secrets where it names them."""
        resource, crate = step.resource, step.crate
        source_uses, source_secrets = self._of_source(resource.spec.get("source"))
        templates = uses.templates(resource.spec)
        step.used = uses.of_templates(templates) | source_uses
        if isinstance(resource.foreach, str):
            step.used |= uses.of_expression(resource.foreach)
        elif resource.foreach is not None:
            step.used |= uses.of_value(resource.foreach)
        keys = crate.vars.keys() | crate.lacks.keys() if "*" in step.used.vars else step.used.vars
        held = (name for key in keys for name in crate.holds.get(key, ()))
        named = find(resource.spec)
        listed = () if resource.foreach is None else find(resource.foreach)
        step.secrets = frozenset({*held, *named, *listed, *source_secrets}) or _NONE
        step.rendered = bool(templates or named)
        condition = uses.NOTHING if resource.when is None else uses.of_expression(resource.when)
        step.clocked = crate.clocked or step.used.clocked or condition.clocked
        try:
            step.attributes = self._binding.bind(resource.spec) if named else resource.spec
        except UnknownSecret as error:
            step.error = str(error)
        if lacking := next((crate.lacks[key] for key in sorted(keys) if key in crate.lacks), None):
            step.error = str(lacking)

    def _of_source(self, source: Any) -> tuple[Uses, set[str]]:
        """What the template at a source path looks at, and the secrets it names."""
        if not isinstance(source, str) or not (source.endswith(TEMPLATE_SUFFIX) or "{" in source):
            return uses.NOTHING, set()
        try:
            text = self._load(source).decode("utf-8", "surrogateescape")
        except (ResourceFailed, KeyError):
            # The name is itself a template, or the content is not at hand: it may look at anything.
            return _UNKNOWN_TEMPLATE, set(self._desired.secrets)
        return uses.of_value(text), find(text)


def order_of(
    steps: Sequence[Step], crates: Sequence[CratePlan], *, first_step: int = 0, first_crate: int = 0
) -> list[int]:
    """In which order steps come; those that wait for themselves come last, and can never be."""

    def here(indices: Sequence[int], first: int) -> Sequence[int]:
        return [index - first for index in indices] if first else indices

    places = {id(crate): number for number, crate in enumerate(crates)}
    waits = [
        ordering.Waits(places[id(step.crate)], here(step.requires, first_step), here(step.notifies, first_step))
        for step in steps
    ]
    ordered, circle = ordering.order(waits, [here(crate.requires, first_crate) for crate in crates])
    for index in circle:
        steps[index].error = "waits for itself, through what it requires or notifies"
    return [first_step + index for index in ordered + circle]


def _looked_at(crates: Sequence[CratePlan], steps: Sequence[Step]) -> frozenset[str]:
    conditions = {each.when for each in crates} | {step.resource.when for step in steps}
    asked = (uses.of_expression(text).traits for text in conditions if text is not None)
    return frozenset().union(*asked, *(step.used.traits for step in steps))


def _owned(spec: ResourceSpec) -> tuple[tuple[str, str], ...]:
    """What a resource owns whole: one thing, or each that it lists. Raises `HostFault` for a path that is none."""
    if spec.OWNS is None:
        return ()
    named = getattr(spec, spec.IDENTITY)
    things = [str(thing) for thing in named] if isinstance(named, list) else [str(named)]
    if spec.OWNS == "path":
        things = ["/" + "/".join(components(thing)) for thing in things]
    return tuple([(spec.OWNS, thing) for thing in things])


def _absence(host: Host, account: Account) -> str:
    """Why nothing can be done in a home as it stands in this run; empty where something can."""
    try:
        return "" if host.lstat(account.home) is not None else f"{account.name} has no home yet: {account.home}"
    except (HostFault, OSError) as error:
        return str(error)


def complaint(error: ValidationError) -> str:
    """A refused spec, for a person, without the values."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    said = [f"{'.'.join(map(str, one['loc'])) or 'spec'}: {one['msg']}" for one in found[:5]]
    return "; ".join([*said, f"and {len(found) - 5} more"] if len(found) > 5 else said)


def unaskable(error: ExpressionError, host: Host) -> bool:
    """Whether an expression has no value because a confined root cannot answer it: no failure of the resource."""
    return host.confined and error.kind is Kind.UNKNOWN


def _renders(attributes: Mapping[str, Any]) -> bool:
    return str(attributes.get("source", "")).endswith(TEMPLATE_SUFFIX)

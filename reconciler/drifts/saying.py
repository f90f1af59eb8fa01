"""Sayings: what a graph desires of one resource on one host, as far as it can be told here.

What only the host can tell is not guessed: it stands as the words that are written and all that they read, so that it
is the same in two graphs only where all that it is made of is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Final, NamedTuple

from reconciler.graph import Graph, Profile
from reconciler.graph.linking import Linked
from reconciler.previews.moves import USERCRATE
from reconciler.previews.pairs import Pairs, Written
from reconciler.previews.reading import ALL
from schema.expressions import Allowance, ExpressionError, Kind, Renderer, has_tags
from schema.merging import effective

CONTENT: Final = "content"
SOURCE: Final = "source"
TEMPLATE: Final = ".j2"
MAX_ITEMS: Final = 2_000
"""Of one `foreach` that is looked into."""

_NAME: Final = re.compile(r"(?P<crate>(usercrate:)?[^/@]+)(@(?P<user>[^/]+))?/(?P<name>.+?)(\[(?P<item>\d{1,6})\])?")
_OF_USER: Final = ("uid", "gid", "home", "shell")
_RENDERER: Final = Renderer()

Vars = Mapping[str, Any]
Said = Mapping[str, Mapping[str, Any]]
"""Instance (`""`, or `[0]` of a foreach) → attribute → value; what a template's source comes to is `content`."""


class Name(NamedTuple):
    """What an agent calls an instance, taken apart: `usercrate:shell@ada/keys[0]`."""

    crate: str
    """`usercrate:shell` of a usercrate."""
    resource: str
    """Its id in the crate, `usercrate:shell/keys`."""
    user: str
    mark: str
    """`[0]`; empty where it is not of a foreach."""

    @property
    def item(self) -> int | None:
        """The number of the item that it is made of."""
        return int(self.mark[1:-1]) if self.mark else None


class Inputs(NamedTuple):
    """What can be changed to have a resource come to something else."""

    vars: Vars
    foreach: Any
    """A list that is written in the crate; None where its items come from vars, or there are none."""


class Facts(NamedTuple):
    """What hosts have told of themselves."""

    traits: Mapping[str, Mapping[str, Any]] = {}
    """By hostname; of those that have told none, nothing."""
    users: Mapping[str, frozenset[str]] = {}
    """By hostname: for whom the usercrate in question is applied there."""


NOTHING: Final = Facts()


def parsed(resource: str) -> Name | None:
    """An agent's name of an instance; None where it is none."""
    found = _NAME.fullmatch(resource)
    if found is None or bool(found["user"]) != found["crate"].startswith(USERCRATE):
        return None
    mark = f"[{int(found['item'])}]" if found["item"] is not None else ""
    return Name(found["crate"], f"{found['crate']}/{found['name']}", found["user"] or "", mark)


def linked_of(graph: Graph, crate: str) -> Linked | None:
    """A configcrate, or a usercrate by its name with `usercrate:` before it."""
    if crate.startswith(USERCRATE):
        return graph.usercrates.get(crate.removeprefix(USERCRATE))
    return graph.crates.get(crate)


def has(profile: Profile, crate: str) -> bool:
    """Whether hosts of a profile have a crate."""
    if crate.startswith(USERCRATE):
        return crate.removeprefix(USERCRATE) in profile.resolution.usercrates
    return crate in profile.resolution.crates


def written_in(graph: Graph, crate: str, resource: str) -> Written | None:
    """A resource as its crate writes it."""
    linked = linked_of(graph, crate)
    if linked is None:
        return None
    pair = Pairs(graph, graph).of(crate, linked, linked)
    return next((each.base for each in pair.resources if each.id == resource), None)


def traits_read(graph: Graph, resource: str) -> frozenset[str] | None:
    """Top names of the traits that decide what an instance comes to; None for all of them."""
    name = parsed(resource)
    written = written_in(graph, name.crate, name.resource) if name is not None else None
    if written is None:
        return frozenset()
    if any(len(path) < 2 for path in written.reads.traits):
        return None
    of_user = {"users"} if written.reads.user else set()
    return frozenset(of_user.union(path[1] for path in written.reads.traits))


def source_of(written: Written) -> str:
    """The file that a resource's content is; empty where it is written in the crate."""
    source = written.spec.get(SOURCE)
    return source if isinstance(source, str) and source in written.files else ""


def is_verbatim(source: str) -> bool:
    """Whether such a file is delivered as it is."""
    return bool(source) and not source.endswith(TEMPLATE)


def is_template(raw: Any) -> bool:
    """Whether something in a value as it is written is rendered."""
    if isinstance(raw, list):
        return any(is_template(each) for each in raw)
    if isinstance(raw, dict):
        return any(is_template(each) for each in raw.values())
    return isinstance(raw, str) and has_tags(raw)


class Speaker:
    """What one resource comes to on one host, or on all of a profile as far as they are alike.

    Args:
        hostname: empty for all of a profile.
        user: of a usercrate for whom; empty where nothing is known of them.
    """

    def __init__(
        self, written: Written, linked: Linked, profile: Profile, facts: Facts, hostname: str = "", user: str = ""
    ) -> None:
        self.written: Final = written
        self.renderer = _RENDERER
        traits = facts.traits.get(hostname)
        self._silent: Final = traits is None and bool(written.reads.traits)
        names = None if ALL in written.reads.vars else written.reads.vars
        vars_ = effective(linked.crate.vars, profile.resolution.vars)
        foreach = written.foreach if isinstance(written.foreach, list) else None
        self.inputs: Final = Inputs({key: vars_[key] for key in vars_ if names is None or key in names}, foreach)
        host: dict[str, Any] = {"environment": profile.environment, "roles": list(profile.roles)}
        if hostname:
            host["hostname"] = hostname
        self._scope: Final[dict[str, Any]] = {"host": host, "traits": traits or {}}
        if user:
            account = (traits or {}).get("users", {}).get(user, {})
            self._scope["user"] = {"name": user, **{key: account[key] for key in _OF_USER if key in account}}

    def said(self, inputs: Inputs | None = None) -> Said:
        """All instances; none where a condition does not hold."""
        inputs = inputs or self.inputs
        scope = {**self._scope, "vars": inputs.vars}
        written = self.written
        doubt: dict[str, Any] = {}
        try:
            if not self._applies(scope):
                return {}
        except ExpressionError:
            doubt = {"when": self._unsaid(written.when, inputs, None)}
        if written.foreach is None:
            return {"": self._instance(inputs, scope, None) | doubt}
        try:
            items = self._items(inputs, scope)
        except ExpressionError:
            return {"": {"foreach": self._unsaid(written.foreach, inputs, None)} | doubt}
        return {
            f"[{number}]": self._instance(inputs, {**scope, "item": item}, item) | doubt
            for number, item in enumerate(items)
        }

    def count(self, inputs: Inputs) -> int:
        """How many items there are; 0 where it is not of a foreach.

        Raises:
            ExpressionError: only the host can tell.
        """
        if self.written.foreach is None:
            return 0
        return len(self._items(inputs, {**self._scope, "vars": inputs.vars}))

    def attribute(self, name: str, mark: str, inputs: Inputs) -> Any:
        """One attribute of one instance.

        Raises:
            ExpressionError: it has no value, or only the host can tell it; LookupError: there is no such instance.
        """
        scope = {**self._scope, "vars": inputs.vars}
        if not self._applies(scope):
            raise LookupError(name)
        if self.written.foreach is not None:
            scope["item"] = self._items(inputs, scope)[int(mark[1:-1])]
        return self._attribute(name, scope)

    def within(self, allowance: Allowance) -> Speaker:
        """The same, who does no more work than is left."""
        other = copy(self)
        other.renderer = Renderer(allowance=allowance)
        return other

    def raw(self, name: str) -> Any:
        """An attribute as it is written; of `content` the text of its source."""
        if name == CONTENT and self.source:
            return self.written.files[self.source]["text"]
        return self.written.spec.get(name)

    @property
    def source(self) -> str:
        """The file that its content is; empty where it is written in the crate."""
        return source_of(self.written)

    @property
    def verbatim(self) -> bool:
        """Whether that file is delivered as it is."""
        return is_verbatim(self.source)

    def _ask(self, text: Any) -> None:
        """Nothing is asked of traits that are not known: some questions have an answer without them."""
        if self._silent and is_template(text):
            raise ExpressionError("this host has not said what it is", Kind.UNKNOWN)

    def _applies(self, scope: Mapping[str, Any]) -> bool:
        if self._silent and self.written.when:
            raise ExpressionError("this host has not said what it is", Kind.UNKNOWN)
        return all(self.renderer.holds(each, scope) for each in self.written.when)

    def _items(self, inputs: Inputs, scope: Mapping[str, Any]) -> Sequence[Any]:
        if self._silent and isinstance(self.written.foreach, str):
            raise ExpressionError("this host has not said what it is", Kind.UNKNOWN)
        self._ask(inputs.foreach)
        if isinstance(self.written.foreach, str):
            items = self.renderer.evaluate(self.written.foreach, scope)
        else:
            items = self.renderer.render_value(inputs.foreach, scope)
        if not isinstance(items, list) or len(items) > MAX_ITEMS:
            raise ExpressionError(f"foreach is no list, or one of more than {MAX_ITEMS}", Kind.LIMIT)
        return items

    def _instance(self, inputs: Inputs, scope: Mapping[str, Any], item: Any) -> dict[str, Any]:
        names = dict.fromkeys(CONTENT if name == SOURCE and self.source else name for name in self.written.spec)
        found: dict[str, Any] = {}
        for name in names:
            try:
                found[name] = self._attribute(name, scope)
            except ExpressionError:
                found[name] = self._unsaid(self.raw(name), inputs, item)
        return found

    def _attribute(self, name: str, scope: Mapping[str, Any]) -> Any:
        raw = self.raw(name)
        if not (name == CONTENT and self.verbatim):
            self._ask(raw)
        if name == CONTENT and self.source:
            file = self.written.files[self.source]
            if raw is None or self.verbatim:
                return raw if raw is not None else file["sha256"]
            return self.renderer.render(raw, scope)
        if name == CONTENT and isinstance(raw, str):
            return self.renderer.render(raw, scope)
        return self.renderer.render_value(raw, scope)

    def _unsaid(self, raw: Any, inputs: Inputs, item: Any) -> tuple[str, str]:
        """What stands for a value that only the host can tell."""
        return ("as written", repr((raw, inputs, item, self._scope)))

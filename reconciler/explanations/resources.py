"""Resources of a host: found by their name or by what they are about, and why they are there or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from reconciler.documents.complaints import nearest
from reconciler.documents.resources import identity, specification
from reconciler.explanations import conditions
from reconciler.explanations.answers import Asked
from reconciler.explanations.conditions import MAX_ITEMS, Outcome, Trials
from reconciler.explanations.crates import absent, declaration, depends, usercrate, verdict, when
from reconciler.explanations.subjects import PATH, Subject
from reconciler.graph import Graph
from reconciler.graph.linking import Linked
from reconciler.graph.users import USERCRATE_PREFIX
from schema.documents.configcrates import Configcrate, Resource
from schema.explanations import Explanation, Link, LinkKind, Presence, Reason, SubjectKind
from schema.expressions import has_tags
from schema.resources import RESOURCES

MAX_IDENTITIES: Final = 50_000
MAX_RENDERED: Final = 20_000
"""Identities that are rendered to find the one that is asked about."""
_BEST: Final = (Presence.PRESENT, Presence.CONDITIONAL, Presence.ABSENT)


class Declared(NamedTuple):
    """A resource of a crate."""

    linked: Linked
    at: int
    """Its place among the model's resources."""
    resource: Resource
    id: str
    spec: Mapping[str, Any]

    @property
    def identity(self) -> str | None:
        """What it is about, as written."""
        return identity(RESOURCES[self.resource.type], self.spec)


def declared(linked: Linked) -> Iterator[Declared]:
    """The resources of a crate, in order."""
    model = linked.crate.document.parsed.model
    if isinstance(model, Configcrate):
        known = [(at, each) for at, each in enumerate(model.resources) if each.type in RESOURCES]
        for (at, found), id_ in zip(known, linked.crate.resources, strict=False):
            spec = specification(found.type, found.model_extra or {}, model.defaults)
            yield Declared(linked, at, found, id_, spec)


def resource(asked: Asked) -> Explanation:
    """Why a host has a resource, or has it not."""
    return _by_identity(asked) if asked.subject.type else _by_id(asked)


def _by_id(asked: Asked) -> Explanation:
    name, graph = asked.subject.name, asked.places.graph
    crate = name.partition("/")[0]
    linked = graph.usercrates.get(crate.removeprefix(USERCRATE_PREFIX)) if _per_user(name) else graph.crates.get(crate)
    if linked is None:
        return asked.unknown("resource", [SubjectKind.RESOURCE])
    found = next((each for each in declared(linked) if each.id == name), None)
    if found is None:
        hint = nearest(name, linked.crate.resources)
        summary = f"crate {linked.name} has no resource {name.partition('/')[2]}"
        link = declaration(asked, linked).model_copy(update={"text": f"{linked.crate.document.path} has no such one"})
        return asked.answer(
            Presence.ABSENT, summary, [asked.ways.matched], reason=Reason.UNKNOWN_NAME, kept_out=link, hint=hint
        )
    return _without(asked, found) or _explain(asked, found)


def _by_identity(asked: Asked) -> Explanation:
    """Of all resources that are about one thing, the one that is most there."""
    graph = asked.places.graph
    profile = asked.ways.profile
    linked_here = (*profile.crates.linked, *profile.usercrates.linked)
    trials = Trials(MAX_RENDERED)
    on_host = [each for linked in linked_here for each in _about(asked, linked, trials)]
    if on_host:
        answers = [_explain(asked, each, also=[other.id for other in on_host if other is not each]) for each in on_host]
        return min(answers, key=lambda each: _BEST.index(each.presence))
    for linked in (*graph.crates.values(), *graph.usercrates.values()):
        for each in _about(asked, linked, trials):
            gone = _without(asked, each)
            if gone is not None:
                return gone.model_copy(update={"name": each.id})
    what = f"{asked.subject.type} {asked.subject.name}"
    hint = nearest(asked.subject.name, _identities(graph, asked.subject.type))
    summary = f"no crate of the config has a resource about {what}"
    return asked.answer(Presence.ABSENT, summary, [asked.ways.matched], reason=Reason.UNKNOWN_NAME, hint=hint)


def _about(asked: Asked, linked: Linked, trials: Trials) -> Iterator[Declared]:
    """The resources of a crate that are about what was asked for, templates rendered as far as they can be."""
    scope: conditions.Scope | None = None
    for each in declared(linked):
        if not _is_of(each.resource.type, asked.subject.type) or (text := each.identity) is None:
            continue
        if text == asked.subject.name:
            yield each
        elif has_tags(text):
            if scope is None:
                scope = conditions.scope_of(asked.ways.profile, asked.hostname, linked, asked.traits)
            if asked.subject.name in _rendered(each, text, scope, trials):
                yield each


def _rendered(found: Declared, text: str, scope: conditions.Scope, trials: Trials) -> Iterator[str]:
    scopes: Iterable[conditions.Scope] = (scope,)
    if found.resource.foreach is not None:
        items = conditions.items_of(found.resource.foreach, scope).items or ()
        scopes = ({**scope, "item": item} for item in items)
    for each in scopes:
        if not trials.spend():
            return
        shown = conditions.rendered(text, each)
        if shown is not None:
            yield shown


def _is_of(type_: str, asked: str) -> bool:
    return RESOURCES[type_].IDENTITY == "path" if asked == PATH else type_ == asked


def _identities(graph: Graph, type_: str) -> Iterator[str]:
    count = 0
    for linked in (*graph.crates.values(), *graph.usercrates.values()):
        for each in declared(linked):
            if _is_of(each.resource.type, type_) and (text := each.identity) is not None:
                yield text
                count += 1
                if count >= MAX_IDENTITIES:
                    return


def _explain(asked: Asked, found: Declared, *, also: Iterable[str] = ()) -> Explanation:
    """The answer about a resource whose crate the host has."""
    linked, per_user = found.linked, _per_user(found.id)
    to_crate = asked.ways.to_usercrate if per_user else asked.ways.to_crate
    chain = to_crate(linked.name) or [asked.ways.matched]
    asks: list[str] = ["users"] if per_user else []
    unsure = per_user
    conditional = [each for each in (when(asked, linked), _when(asked, found), _foreach(asked, found)) if each]
    for link, outcome in conditional:
        if outcome.holds is False:
            summary = f"{asked.hostname} has {linked.name}, but not {found.id}: {link.text}"
            return asked.answer(
                Presence.ABSENT, summary, chain, name=found.id, reason=Reason.CONDITION, kept_out=link, also=[*also]
            )
        chain = [*chain, link]
        if outcome.holds is None:
            unsure = True
            asks += outcome.asks
    chain = [*chain, _declaration(asked, found)]
    if unsure:
        outcome = Outcome(None, tuple(dict.fromkeys(asks)), "")
        summary = f"{asked.hostname} has {found.id} if its conditions hold, {depends(outcome)}"
        if per_user:
            summary = f"{asked.hostname} has {found.id} once for each of its users, whom it alone knows"
        return asked.answer(Presence.CONDITIONAL, summary, chain, name=found.id, depends_on=outcome.asks, also=[*also])
    label = asked.ways.profile.resolution.crates[linked.name]
    summary = f"{asked.hostname} has {found.id}, since {label} brings {linked.name}"
    return asked.answer(Presence.PRESENT, summary, chain, name=found.id, also=[*also])


def _without(asked: Asked, found: Declared) -> Explanation | None:
    """The answer where the host has not the resource's crate; None where it has."""
    name = found.linked.name
    if not _per_user(found.id):
        return absent(asked, name, f"resource {found.id}")
    if name in asked.ways.profile.resolution.usercrates:
        return None
    of_crate = usercrate(asked._replace(subject=Subject(SubjectKind.USERCRATE, name)))
    return of_crate.model_copy(update={"kind": SubjectKind.RESOURCE, "name": found.id})


def _per_user(id_: str) -> bool:
    return id_.startswith(USERCRATE_PREFIX)


def _when(asked: Asked, found: Declared) -> tuple[Link, Outcome] | None:
    text = found.resource.when
    if text is None:
        return None
    scope = conditions.scope_of(asked.ways.profile, asked.hostname, found.linked, asked.traits)
    outcome = conditions.judge(text, scope)
    if _per_user(found.id) and outcome.holds is None:
        outcome = Outcome(None, outcome.asks)  # it may ask for the user, who is known on the host alone
    said = f"{found.id} applies where {text}: {verdict(outcome)}"
    return _link(asked, found, LinkKind.CONDITION, said, "when"), outcome


def _foreach(asked: Asked, found: Declared) -> tuple[Link, Outcome] | None:
    foreach = found.resource.foreach
    if foreach is None:
        return None
    scope = conditions.scope_of(asked.ways.profile, asked.hostname, found.linked, asked.traits)
    items, asks = conditions.items_of(foreach, scope)
    outcome = Outcome(None if items is None else bool(items), asks)
    shown = foreach if isinstance(foreach, str) else "a list"
    if items is None:
        count = verdict(outcome)
    else:
        count = f"{len(items)}{' or more' if len(items) == MAX_ITEMS else ''} of them" if items else "there are none"
    return _link(asked, found, LinkKind.CONDITION, f"{found.id} is for each of {shown}: {count}", "foreach"), outcome


def _declaration(asked: Asked, found: Declared) -> Link:
    key = "name" if found.resource.name is not None else RESOURCES[found.resource.type].IDENTITY
    text = f"crate {found.linked.name} declares {found.id}"
    return _link(asked, found, LinkKind.DECLARE, text, key)


def _link(asked: Asked, found: Declared, kind: LinkKind, text: str, key: str) -> Link:
    document = found.linked.crate.document
    here = key in found.resource.model_fields_set or key in (found.resource.model_extra or {})
    way = ("resources", found.at, key) if here else ("resources", found.at)
    return asked.places.link(kind, text, document, way)

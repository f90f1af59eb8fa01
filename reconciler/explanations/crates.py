"""Crates, roles, environments and usercrates of a host: what brings them, or what keeps them out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.documents.kinds import Kind
from reconciler.explanations import conditions, elsewhere, hosts
from reconciler.explanations.answers import Asked, Mention
from reconciler.explanations.bringing import Ways
from reconciler.explanations.places import environment_in
from reconciler.graph import Profile
from reconciler.graph.linking import Linked
from schema.documents.configcrates import Configcrate
from schema.explanations import Explanation, Link, LinkKind, Presence, Reason, SubjectKind


def crate(asked: Asked) -> Explanation:
    """Why a host has a crate, or has it not."""
    name = asked.subject.name
    linked = asked.places.graph.crates.get(name)
    if linked is None:
        return asked.unknown("configcrate", [SubjectKind.CRATE])
    gone = absent(asked, name)
    if gone is not None:
        return gone
    chain = asked.ways.to_crate(name) or []
    declared = declaration(asked, linked)
    condition = when(asked, linked)
    if condition is None:
        label = asked.ways.profile.resolution.crates[name]
        return asked.answer(Presence.PRESENT, f"{asked.hostname} has {name}, from {label}", [*chain, declared])
    link, outcome = condition
    if outcome.holds is False:
        summary = f"{name} is listed for {asked.hostname}, but its condition is false there"
        return asked.answer(Presence.ABSENT, summary, chain, reason=Reason.CONDITION, kept_out=link)
    if outcome.holds is None:
        summary = f"{asked.hostname} has {name} if its condition holds, {depends(outcome)}"
        return asked.answer(Presence.CONDITIONAL, summary, [*chain, link, declared], depends_on=outcome.asks)
    summary = f"{asked.hostname} has {name}, and its condition holds"
    return asked.answer(Presence.PRESENT, summary, [*chain, link, declared])


def absent(asked: Asked, name: str, what: str = "") -> Explanation | None:
    """Why a host has not a crate that the config has; None where it has it.

    Args:
        what: of the crate was asked for, in words.
    """
    ways = asked.ways
    if name in ways.profile.resolution.crates:
        return None
    chain = ways.to_crate(name)
    exclusion = ways.exclusion(name) if chain is not None else None
    if chain is not None and exclusion is not None:
        summary = f"{what or name} would come to {asked.hostname}, but {exclusion.text}"
        return asked.answer(Presence.ABSENT, summary, chain, reason=Reason.EXCLUDED, kept_out=exclusion)

    def has(profile: Profile) -> bool:
        return name in profile.resolution.crates

    return lost(asked, has, name, what) or unlisted(
        asked, name, what, elsewhere.listing(asked.places.graph, name, "configcrates")
    )


def role(asked: Asked) -> Explanation:
    """Why a host has a role, or has it not."""
    name, graph = asked.subject.name, asked.places.graph
    if name not in graph.roles.entries:
        return asked.unknown("role", [SubjectKind.ROLE])
    chain = asked.ways.to_any_role(name)
    if chain is not None:
        return asked.answer(Presence.PRESENT, f"{asked.hostname} has role {name}", chain)

    def has(profile: Profile) -> bool:
        return any(name in graph.roles.closures.get(each, ()) for each in profile.roles)

    return lost(asked, has, f"role {name}") or unlisted(asked, f"role {name}", "", elsewhere.giving_role(graph, name))


def environment(asked: Asked) -> Explanation:
    """Why a host is in an environment, or is not."""
    name, ways = asked.subject.name, asked.ways
    if ways.profile.environment == name:
        defined = [
            asked.places.link(
                LinkKind.ENVIRONMENT, f"{each.path} says what {name} is", each, ("environments", name), on_key=True
            )
            for each in ways.profile.resolution.scope.environment_documents
            if environment_in(each, name) is not None
        ]
        summary = f"{asked.hostname} is in environment {name}"
        return asked.answer(Presence.PRESENT, summary, [*ways.to_environment(), *defined])
    if not any(environment_in(each, name) for each in asked.places.graph.documents.of(Kind.ENVIRONMENTS)):
        return asked.unknown("environment", [SubjectKind.ENVIRONMENT])
    instead = elsewhere.in_environment(asked.places.graph, name)
    kept_out = ways.to_environment()[1] if ways.profile.environment else ways.matched
    word = f"in environment {ways.profile.environment}" if ways.profile.environment else "in no environment"
    return lost(asked, lambda profile: profile.environment == name, f"environment {name}") or asked.answer(
        Presence.ABSENT,
        f"{asked.hostname} is {word}, not in {name}",
        [ways.matched],
        reason=Reason.NOT_LISTED,
        kept_out=kept_out,
        instead=instead,
    )


def usercrate(asked: Asked) -> Explanation:
    """Why a host's users get a usercrate, or do not."""
    name, graph = asked.subject.name, asked.places.graph
    document = next((each for each in graph.documents.of(Kind.USERCRATE) if each.stem == name), None)
    if document is None:
        return asked.unknown("usercrate", [SubjectKind.USERCRATE])
    chain = asked.ways.to_usercrate(name)
    if chain is None:

        def has(profile: Profile) -> bool:
            return Ways(asked.places, profile, asked.hostname).to_usercrate(name) is not None

        instead = elsewhere.listing(graph, name, "usercrates")
        return lost(asked, has, name) or unlisted(asked, name, "", instead)
    declared = asked.places.link(LinkKind.DECLARE, f"{document.path} is {name}", document, ("name",))
    return asked.answer(Presence.PRESENT, f"{asked.hostname} lists usercrate {name}", [*chain, declared])


def when(asked: Asked, linked: Linked) -> tuple[Link, conditions.Outcome] | None:
    """A crate's condition and what becomes of it on the host; None where it has none."""
    model = linked.crate.document.parsed.model
    if not isinstance(model, Configcrate) or model.when is None:
        return None
    scope = conditions.scope_of(asked.ways.profile, asked.hostname, linked, asked.traits)
    outcome = conditions.judge(model.when, scope)
    text = f"{linked.name} applies where {model.when}: {verdict(outcome)}"
    return asked.places.link(LinkKind.CONDITION, text, linked.crate.document, ("when",)), outcome


def declaration(asked: Asked, linked: Linked) -> Link:
    """The line by which a crate is itself."""
    document = linked.crate.document
    return asked.places.link(LinkKind.DECLARE, f"{document.path} is {linked.name}", document, ("name",))


def verdict(outcome: conditions.Outcome) -> str:
    """What became of a condition, in a word or two."""
    if outcome.holds is None:
        return depends(outcome)
    return "true" if outcome.holds else "false"


def depends(outcome: conditions.Outcome) -> str:
    """What a condition that is not decided hangs on."""
    if outcome.trouble:
        return f"which fails: {outcome.trouble}"
    return f"which depends on {', '.join(outcome.asks)}" if outcome.asks else "which only the host can tell"


def lost(asked: Asked, has: elsewhere.Has, name: str, what: str = "") -> Explanation | None:
    """The answer where another block would bring it, and lost; None where none would."""
    loser = next(elsewhere.losers(asked, has), None)
    if loser is None:
        return None
    winner = asked.ways.profile
    why = hosts.why_it_won(winner, loser)
    text = f"{winner.match_pattern} applies, not {loser.match_pattern}: {why}"
    kept_out = asked.ways.matched.model_copy(update={"text": text})
    summary = f"{what or name} would come to {asked.hostname} from another block, but {text}"
    mention = Mention(
        LinkKind.MATCH,
        f"the block for {loser.match_pattern} would bring {name}",
        loser.document,
        ("envoys", loser.index, "match"),
    )
    return asked.answer(
        Presence.ABSENT, summary, [asked.ways.matched], reason=Reason.OUTMATCHED, kept_out=kept_out, instead=[mention]
    )


def unlisted(asked: Asked, name: str, what: str, instead: Iterable[Mention]) -> Explanation:
    """The answer where nothing that applies to the host brings it."""
    found: Iterator[Mention] = iter(instead)
    first = next(found, None)
    summary = f"nothing that applies to {asked.hostname} brings {name}"
    if what:
        summary = f"{asked.hostname} has not {what}: {summary}"
    if first is None:
        summary += ", and nothing else in the config does"
    kept_out = asked.ways.matched.model_copy(
        update={"text": f"{asked.ways.profile.match_pattern} applies, and leads to no {name}"}
    )
    return asked.answer(
        Presence.ABSENT,
        summary,
        [asked.ways.matched],
        reason=Reason.NOT_LISTED,
        kept_out=kept_out,
        instead=_again(first, found),
    )


def _again(first: Mention | None, rest: Iterator[Mention]) -> Iterator[Mention]:
    if first is not None:
        yield first
    yield from rest

"""Vars of a host: every layer that says something about one, which of them win, and why one is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from reconciler.documents import Document
from reconciler.explanations import elsewhere
from reconciler.explanations.answers import Asked
from reconciler.explanations.crates import declaration, lost, unlisted
from reconciler.explanations.overlay import Leaf, Overlay, Word, leaves, word_on
from reconciler.graph import Profile
from reconciler.graph.resolution import MATCH_BLOCK
from reconciler.graph.scopes import Layer
from schema.explanations import Effect, Explanation, Link, LinkKind, Presence, Reason, SubjectKind, VarLayer
from schema.merging import settle

_ABSENT: Final = object()
_USERCRATE: Final = "usercrate"


class _Said(NamedTuple):
    """What one layer says about the var."""

    label: str
    document: Document
    way: tuple[str | int, ...]
    word: Word
    layer: Layer | None
    """None for a crate's own default."""


def var(asked: Asked) -> Explanation:
    """Why a host has a var with its value, or has it not."""
    name = asked.subject.name
    profile = asked.ways.profile
    defaults, said = list(_defaults(asked)), list(_said(asked))
    if not defaults and not said:
        return _unwritten(asked)
    layers = _layers(asked, defaults, said)
    value = value_at(settle(profile.resolution.vars), name)
    if value is _ABSENT and said:
        return _dropped(asked, said, layers)
    if value is _ABSENT:
        return _of_crates(asked, defaults, layers)
    if asked.subject.wanted and asked.subject.wanted[0] != value:
        return _other_value(asked, value, said, layers)
    winners = [each for each, shown in zip(said, layers[len(defaults) :], strict=True) if shown.wins] or said
    summary = f"{asked.hostname} has {name} from {_and([each.label for each in winners])}"
    return asked.answer(Presence.PRESENT, summary, _chain(asked, winners[-1]), layers=layers, value=value)


def value_at(vars_: Mapping[str, Any], dotted: str) -> Any:
    """The value at a dotted var of settled vars; `_ABSENT` where there is none."""
    found = word_on(vars_, dotted)
    return _ABSENT if found is None or found.blocks else found.value


def _said(asked: Asked) -> Iterator[_Said]:
    for layer in asked.ways.profile.resolution.layers:
        word = word_on(layer.vars, asked.subject.name)
        if word is not None:
            yield _Said(layer.label, layer.document, (*asked.ways.way_of(layer), *word.written), word, layer)


def _defaults(asked: Asked) -> Iterator[_Said]:
    profile = asked.ways.profile
    for what, linked_here in (("configcrate", profile.crates.linked), (_USERCRATE, profile.usercrates.linked)):
        for linked in linked_here:
            word = word_on(linked.crate.vars, asked.subject.name)
            if word is not None and not word.blocks:
                way = ("vars", *word.written)
                yield _Said(f"{what}:{linked.name}", linked.crate.document, way, word, None)


def _layers(asked: Asked, defaults: Sequence[_Said], said: Sequence[_Said]) -> list[VarLayer]:
    """All layers from weak to strong, each with what its word comes to."""
    found = [_layer(asked, each, _replay([each, *said])[0]) for each in defaults]
    return found + [_layer(asked, each, outcome) for each, outcome in zip(said, _replay(said), strict=True)]


class _Outcome(NamedTuple):
    effect: Effect
    wins: tuple[str, ...] | None
    """Keys, dotted below the var, that are its in the end; empty text for the var itself. None when it has no part."""


def _replay(said: Sequence[_Said]) -> list[_Outcome]:
    """What each of some layers' words comes to, from weak to strong."""
    overlay: Overlay[int] = Overlay()
    effects: list[Effect] = []
    for index, each in enumerate(said):
        word = each.word
        before = bool(overlay.live)
        maps = isinstance(word.value, Mapping) and not word.blocks
        if word.append and ("",) not in overlay.live:
            effect = Effect.APPENDS
        else:
            effect = Effect.APPENDS if word.append else Effect.SETS if not before else Effect.REPLACES
        if maps and before and ("",) not in overlay.live:
            effect = Effect.MERGES
        effects.append(effect)
        if word.blocks:
            overlay = Overlay()
            continue
        below = list(leaves(word.value)) if maps and word.value else [Leaf((), (), word.value, word.append)]
        for leaf in below:
            overlay.put(leaf._replace(keys=("", *leaf.keys)), index)
    owned: dict[int, list[str]] = {}
    for keys, writers in overlay.live.items():
        for writer in writers:
            owned.setdefault(writer, []).append(".".join(keys[1:]))
    return [_Outcome(effect, tuple(owned[index]) if index in owned else None) for index, effect in enumerate(effects)]


def _layer(asked: Asked, said: _Said, outcome: _Outcome) -> VarLayer:
    keys = [key for key in outcome.wins or () if key]
    return VarLayer(
        source=said.label,
        value=said.word.value,
        effect=outcome.effect,
        wins=outcome.wins is not None,
        keys=keys or None,
        at=asked.places.line(said.document, said.way, on_key=True),
    )


def _chain(asked: Asked, said: _Said) -> list[Link]:
    """From the block to the line where a layer writes the var."""
    name = asked.subject.name
    if said.layer is None:
        what, _, crate = said.label.partition(":")
        per_user, graph = what == _USERCRATE, asked.places.graph
        linked = (graph.usercrates if per_user else graph.crates)[crate]
        way = (asked.ways.to_usercrate(crate) if per_user else asked.ways.to_crate(crate)) or [asked.ways.matched]
        text = f"crate {crate} has a default for {name}"
        return [*way, declaration(asked, linked), _write(asked, said, text)]
    does = "appends to" if said.word.append else "sets"
    return [*asked.ways.to_layer(said.layer), _write(asked, said, f"{_who(said)} {does} {name}")]


def _write(asked: Asked, said: _Said, text: str) -> Link:
    kind = LinkKind.APPEND if said.word.append else LinkKind.WRITE
    return asked.places.link(kind, text, said.document, said.way, on_key=True)


def _who(said: _Said) -> str:
    if said.label == MATCH_BLOCK:
        return "the block"
    if said.layer is not None and len(said.layer.path) == 3 and isinstance(said.layer.path[1], str):
        return f"{'role' if said.layer.path[0] == 'roles' else 'environment'} {said.layer.path[1]}"
    return said.document.path


def _of_crates(asked: Asked, defaults: Sequence[_Said], layers: Sequence[VarLayer]) -> Explanation:
    """The answer where only crates' own defaults give it."""
    name, values = asked.subject.name, [each.word.value for each in defaults]
    alone = all(value == values[0] for value in values)
    who = _and([each.label.partition(":")[2] for each in defaults])
    summary = f"{asked.hostname} has {name} as a default of crate {who}, which alone sees it"
    if len(defaults) > 1:
        summary = f"{asked.hostname} has {name} as a default of crates {who}, each of which sees its own"
    if asked.subject.wanted and asked.subject.wanted[0] not in values:
        return _other_value(asked, values[0], defaults, layers)
    value = values[0] if alone else None
    return asked.answer(Presence.PRESENT, summary, _chain(asked, defaults[-1]), layers=layers, value=value)


def _dropped(asked: Asked, said: Sequence[_Said], layers: Sequence[VarLayer]) -> Explanation:
    """The answer where a stronger layer put something else in the place of the map that would hold it."""
    last = next(each for each in reversed(said) if each.word.blocks)
    text = f"{_who(last)} puts another value in the place of {'.'.join(last.word.written)}"
    before = [each for each in said if not each.word.blocks]
    summary = f"{asked.hostname} has no {asked.subject.name}: {text}"
    chain = _chain(asked, before[-1]) if before else list(asked.ways.to_layer(last.layer)) if last.layer else []
    return asked.answer(
        Presence.ABSENT,
        summary,
        chain,
        reason=Reason.OVERRIDDEN if before else Reason.NOT_LISTED,
        kept_out=_write(asked, last, text),
        layers=layers,
    )


def _other_value(asked: Asked, value: Any, said: Sequence[_Said], layers: Sequence[VarLayer]) -> Explanation:
    """The answer where the var is there, with another value than the one that was expected."""
    name, wanted = asked.subject.name, asked.subject.wanted[0]
    winner = next((each for each, shown in zip(reversed(said), reversed(layers), strict=False) if shown.wins), said[-1])
    kept_out = _write(asked, winner, f"{_who(winner)} says otherwise")
    writer = next((each for each in said if each.word.value == wanted and each is not winner), None)
    if writer is not None:
        summary = f"{_who(writer)} sets {name} to that, but {_who(winner)} is stronger"
        chain, reason = _chain(asked, writer), Reason.OVERRIDDEN
    else:
        summary = f"{asked.hostname} has another {name}: {_who(winner)} sets it"
        chain, reason = _chain(asked, winner), Reason.OVERRIDDEN
    instead = (
        () if writer is not None else elsewhere.writing(asked.places.graph, name, lambda each: bool(each == wanted))
    )
    return asked.answer(
        Presence.ABSENT,
        summary,
        chain,
        reason=reason,
        kept_out=kept_out,
        layers=layers,
        value=value,
        instead=instead,
    )


def _unwritten(asked: Asked) -> Explanation:
    """The answer where nothing on the host says anything about it."""
    name, graph = asked.subject.name, asked.places.graph

    def has(profile: Profile) -> bool:
        return value_at(profile.resolution.vars, name) is not _ABSENT

    found = lost(asked, has, name)
    if found is not None:
        return found
    mentions = elsewhere.writing(graph, name, lambda _: True)
    if next(mentions, None) is None:
        return asked.unknown("var", [SubjectKind.VAR])
    return unlisted(asked, name, "", elsewhere.writing(graph, name, lambda _: True))


def _and(labels: Sequence[str]) -> str:
    once = list(dict.fromkeys(labels))
    return once[0] if len(once) == 1 else f"{', '.join(once[:-1])} and {once[-1]}"

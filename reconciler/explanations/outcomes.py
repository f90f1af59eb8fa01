"""Outcomes: what a resource comes out as on a host, and which of the things it reads make it come out differently."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from reconciler import expressions
from reconciler.explanations import conditions
from reconciler.explanations.conditions import RENDERER, Scope, Trials
from reconciler.explanations.resources import Declared
from reconciler.expressions import Analysis
from reconciler.graph.linking import TEMPLATE
from schema.documents.configcrates import Configcrate
from schema.expressions import ExpressionError

MAX_INPUTS: Final = 24
"""Things that differ and that a resource reads; of more, all are taken for causes."""
MAX_TRIALS: Final = 50_000
"""Renderings for one answer; beyond, resources are not compared any more."""

Input = tuple[str | int, ...]
"""`("vars", "ssh", "port")`, `("traits", "os", "family")`, `("host", "hostname")`: a place in a scope."""
_GONE: Final = object()


class Outcome(NamedTuple):
    """What a resource comes out as."""

    instances: Sequence[Mapping[str, Any]] | None
    """Parameters and content of each; none where its conditions do not hold. None where it cannot be told here."""


UNKNOWN: Final = Outcome(None)


def outcome(found: Declared, scope: Scope, trials: Trials) -> Outcome:
    """What a resource comes out as under a scope; unknown, too, when no trial is left."""
    model = found.linked.crate.document.parsed.model
    assert isinstance(model, Configcrate)
    for condition in (model.when, found.resource.when):
        if condition is not None:
            holds = conditions.judge(condition, scope).holds
            if holds is None:
                return UNKNOWN
            if not holds:
                return Outcome(())
    if found.resource.foreach is None:
        return _instances(found, [scope], trials)
    items = conditions.items_of(found.resource.foreach, scope).items
    return UNKNOWN if items is None else _instances(found, [{**scope, "item": item} for item in items], trials)


def differing_keys(one: Outcome, other: Outcome) -> list[str]:
    """The parameters by which two outcomes differ, where both have as many instances."""
    if one.instances is None or other.instances is None or len(one.instances) != len(other.instances):
        return []
    return sorted(
        {
            key
            for mine, theirs in zip(one.instances, other.instances, strict=True)
            for key in mine.keys() | theirs.keys()
            if mine.get(key) != theirs.get(key)
        }
    )


def reads(found: Declared) -> list[Analysis]:
    """The analyses of all that a resource evaluates, its crate's condition among it."""
    model = found.linked.crate.document.parsed.model
    assert isinstance(model, Configcrate)
    bare = [model.when, found.resource.when]
    if isinstance(found.resource.foreach, str):
        bare.append(found.resource.foreach)
    analyses = [expressions.analyse(text, template=False) for text in bare if text is not None]
    analyses += [each for _, each in expressions.analyse_value(dict(found.spec))]
    if isinstance(found.resource.foreach, list):
        analyses += [each for _, each in expressions.analyse_value(found.resource.foreach)]
    text = _template(found)
    return [*analyses, expressions.analyse(text, template=True)] if text is not None else analyses


def asked_of_host(analyses: Iterable[Analysis]) -> list[str]:
    """What of the host those ask for, dotted."""
    return list(dict.fromkeys(each for analysis in analyses for each in conditions.asked(analysis)))


def inputs(analyses: Iterable[Analysis], one: Scope, other: Scope) -> list[Input]:
    """What those read that differs between two scopes; what is read as a whole is told leaf by leaf."""
    found: dict[Input, None] = {}
    for analysis in analyses:
        for keys in conditions.vars_read(analysis):
            found.update(dict.fromkeys(("vars", *each) for each in _differing(one["vars"], other["vars"], keys)))
        for use in analysis.paths:
            if use.path[0] == "host":
                names = [use.path[1]] if len(use.path) > 1 else list(one["host"])
                for name in names:
                    if one["host"].get(name) != other["host"].get(name):
                        found["host", str(name)] = None
        if "traits" in one and "traits" in other:
            for dotted in conditions.asked(analysis):
                if dotted.startswith("traits."):
                    keys = tuple(dotted.split(".")[1:])
                    found.update(
                        dict.fromkeys(("traits", *each) for each in _differing(one["traits"], other["traits"], keys))
                    )
    return list(found)


def decisive(found: Declared, one: Scope, other: Scope, candidates: Sequence[Input], trials: Trials) -> list[Input]:
    """Of the inputs, those without which the first host's resource would not come out as the other's.

    None of them is superfluous; where too many differ, or too much was tried, all are given.
    """
    wanted = outcome(found, other, trials)
    if len(candidates) > MAX_INPUTS or wanted.instances is None:
        return list(candidates)
    kept = list(candidates)
    for each in candidates:
        fewer = [other_one for other_one in kept if other_one != each]
        if outcome(found, _swapped(one, other, fewer), trials) == wanted:
            kept = fewer
        if trials.spent:
            return list(candidates)
    return kept


def _instances(found: Declared, scopes: Iterable[Scope], trials: Trials) -> Outcome:
    made = []
    text = _template(found)
    for scope in scopes:
        if not trials.spend():
            return UNKNOWN
        try:
            rendered = dict(RENDERER.render_value(dict(found.spec), scope))
            if text is not None:
                rendered["source"] = RENDERER.render(text, scope)
        except ExpressionError:
            return UNKNOWN
        if text is None and isinstance(source := found.spec.get("source"), str):
            content = found.linked.content.get(source)
            rendered["source"] = content.ref.sha256 if content is not None else source
        if "traits" not in scope and any(each.needs_traits for each in reads(found)):
            return UNKNOWN
        made.append(rendered)
    return Outcome(made)


def _template(found: Declared) -> str | None:
    source = found.spec.get("source")
    if not isinstance(source, str) or not source.endswith(TEMPLATE):
        return None
    content = found.linked.content.get(source)
    return content.text if content is not None else None


def _differing(one: Any, other: Any, keys: Sequence[str], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The leaves at and below some keys that differ."""
    if keys:
        mine = one.get(keys[0], _GONE) if isinstance(one, Mapping) else _GONE
        theirs = other.get(keys[0], _GONE) if isinstance(other, Mapping) else _GONE
        if mine is _GONE and theirs is _GONE:
            return
        yield from _differing(mine, theirs, keys[1:], (*above, keys[0]))
    elif isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in {**one, **other}:
            yield from _differing(one.get(key, _GONE), other.get(key, _GONE), (), (*above, key))
    elif one is not other and one != other:
        yield above


def _swapped(one: Scope, other: Scope, places: Iterable[Input]) -> Scope:
    """The first scope with what the other has at some places."""
    made = {**one}
    copied = set()
    for root, *keys in places:
        if root not in copied:
            made[str(root)] = copy.deepcopy(made[str(root)])
            copied.add(root)
        source, target = other[str(root)], made[str(root)]
        for key in keys[:-1]:
            source = source.get(key, {}) if isinstance(source, Mapping) else {}
            if not isinstance(target.get(key), dict):
                target[key] = {}
            target = target[key]
        if isinstance(source, Mapping) and keys[-1] in source:
            target[keys[-1]] = source[keys[-1]]
        else:
            target.pop(keys[-1], None)
    return made

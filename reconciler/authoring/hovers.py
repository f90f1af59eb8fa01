"""Hovers: what stands at a position, where its value comes from, and what it comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from reconciler.authoring import definitions, shapes, spots, values
from reconciler.authoring.completions import about, shown, signature
from reconciler.authoring.fragments import Sort
from reconciler.authoring.places import What
from reconciler.authoring.snapshots import Snapshot
from reconciler.authoring.spots import Spot
from reconciler.authoring.texts import Position, Span, Text
from reconciler.documents import Document, Kind
from reconciler.expressions import EACH
from reconciler.expressions import Path as VarPath
from reconciler.graph import Profile
from reconciler.graph.linking import Linked
from schema import traits
from schema.documents.environments import Environment, Environments
from schema.documents.tasks import Task
from schema.expressions.filters import FILTERS
from schema.expressions.functions import FUNCTIONS
from schema.expressions.predicates import TESTS
from schema.resources import RESOURCES

MAX_LINES: Final = 12
"""Of one list in a hover; the rest is counted."""
_ROOTS: Final = {
    "vars": "What the configuration says, for the host.",
    "traits": "What the host says it is.",
    "host": "The host itself: `hostname`, `environment`, `roles`.",
    "item": "The element of the resource's `foreach`.",
    "user": "In a usercrate, whose turn it is: `name`, `uid`, `gid`, `group`, `home`, `shell`.",
}
_FORMS: Final = {
    "default": "What is given, where the value is not defined (or, with `true` behind it, false).",
    "d": "The same as `default`.",
    "map": "Each item through a filter, or its attribute.",
    "select": "The items for which a test holds.",
    "reject": "The items for which a test does not hold.",
    "selectattr": "The items for whose attribute a test holds.",
    "rejectattr": "The items for whose attribute a test does not hold.",
    "defined": "Whether there is such a value.",
    "undefined": "Whether there is no such value.",
}


class Hover(NamedTuple):
    """What is said about a span, as Markdown."""

    span: Span
    markdown: str


def at(snapshot: Snapshot, path: str, text: Text, position: Position) -> Hover | None:
    """What is to be said about what stands at a position; None where there is nothing."""
    spot = spots.find(snapshot, path, text, position)
    if spot is None:
        return None
    lines = list(_about(snapshot, path, spot))
    return Hover(spot.span, "\n".join(lines)) if lines else None


def _about(snapshot: Snapshot, path: str, spot: Spot) -> Iterator[str]:
    if spot.fragment is not None and spot.fragment.sort is not Sort.PATH:
        yield from _word(spot.fragment.sort, spot.text)
    elif spot.var:
        yield from _var(snapshot, path, spot.var)
    elif spot.fragment is not None:
        yield from _path(spot)
    elif (what := spot.names) is not None:
        yield from _named(snapshot, path, what, spot.text)
    elif spot.kind is not None and spot.on_key:
        yield from _key(spot.kind, spot)
    elif (keys := _written_below(spot)) is not None:
        yield from _var(snapshot, path, keys)
    elif spot.kind is not None:
        yield from _value(snapshot, path, spot.kind, spot)


def _written_below(spot: Spot) -> VarPath | None:
    """The keys of the var that a value is written for; None when it is no value of vars."""
    return spot._replace(on_key=True).var if spot.fragment is None and not spot.on_key else None


# words of the language


def _key(kind: Kind, spot: Spot) -> Iterator[str]:
    key = shapes.key(kind, spot.path, spot.scalars)
    if key is None:
        return
    default = f", by default `{key.default}`" if key.default else ""
    yield f"**{key.name}**: {key.takes}{', required' if key.required else default}"
    if key.docs:
        yield ""
        yield key.docs


def _value(snapshot: Snapshot, path: str, kind: Kind, spot: Spot) -> Iterator[str]:
    if spot.path[-1:] == ("type",) and (docs := shapes.about_type(spot.text)):
        yield f"**{spot.text}** (resource type)"
        yield ""
        yield docs
        yield ""
        needed = [name for name, key in shapes.keys(kind, spot.path[:-1], spot.scalars).items() if key.required]
        yield f"Identity: `{RESOURCES[spot.text].IDENTITY}`. Required: {_listed(needed)}."
    elif kind is Kind.LEAF and spot.path[-1:] == ("match",):
        index = spot.path[1]
        profile = next((each for each in snapshot.profiles if each.document.path == path and each.index == index), None)
        if profile is not None:
            yield from _block(profile)
    else:
        listed = bool(spot.path) and isinstance(spot.path[-1], int)
        yield from _key(kind, spot._replace(path=spot.path[:-1] if listed else spot.path))


def _word(sort: Sort, name: str) -> Iterator[str]:
    known: Mapping[str, Any] = {Sort.FILTER: FILTERS, Sort.TEST: TESTS, Sort.FUNCTION: FUNCTIONS}[sort]
    function: Callable[..., Any] | None = known.get(name)
    docs = about(function) or _FORMS.get(name, "")
    if docs:
        yield f"**{signature(name, function) or name}** ({sort.value})"
        yield ""
        yield docs


def _path(spot: Spot) -> Iterator[str]:
    assert spot.fragment is not None
    parts = spot.fragment.path
    if parts[0] == "traits" and len(parts) > 1:
        keys = [str(part) for part in parts[1:]]
        info = traits.lookup(keys)
        if info is not None:
            there = "on every host" if info.always else "not on every host: write `default` or ask `has_trait`"
            yield f"**{'.'.join(('traits', *keys))}** ({info.type.value}, {there})"
            if info.summary:
                yield ""
                yield info.summary
    elif len(parts) == 1 and parts[0] in _ROOTS:
        yield f"**{parts[0]}**"
        yield ""
        yield _ROOTS[str(parts[0])]


# names


def _named(snapshot: Snapshot, path: str, what: What, name: str) -> Iterator[str]:
    if what in (What.CRATE, What.USERCRATE):
        yield from _crate(snapshot, what, name)
    elif what is What.ROLE:
        yield from _role(snapshot, name)
    elif what is What.ENVIRONMENT:
        yield from _environment(snapshot, name)
    elif what is What.TASK:
        yield from _task(snapshot, name)
    elif what is What.SOURCE:
        yield from _source(snapshot, name)
    else:
        found = definitions.defined(snapshot, what, name, path)
        if found:
            yield f"**{name}** ({what.value}), {found[0].path}:{found[0].span.line}"


def _crate(snapshot: Snapshot, what: What, name: str) -> Iterator[str]:
    linked = (snapshot.crates if what is What.CRATE else snapshot.usercrates).get(name)
    if linked is None:
        return
    crate = linked.crate
    data = crate.document.parsed.data
    yield f"**{name}** ({what.value}), {crate.document.path}"
    if isinstance(data, dict) and data.get("description"):
        yield ""
        yield str(data["description"])
    yield ""
    yield f"{_counted(len(crate.resources), 'resource')}: {_listed(each.partition('/')[2] for each in crate.resources)}"
    about: list[tuple[str, Iterable[str]]] = [
        ("Vars", crate.vars),
        ("Depends on", crate.depends_on),
        ("Files", linked.content),
    ]
    yield from (f"- {label}: {_listed(names)}" for label, names in about if names)
    yield ""
    carried = values.carriers(snapshot, linked)
    yield from _carried(carried, lambda profile: values.sources(profile, linked).get(name, ""))


def _carried(profiles: list[Profile], source: Callable[[Profile], str]) -> Iterator[str]:
    if not profiles:
        yield "No match block has it."
        return
    yield f"In {_counted(len(profiles), 'match block')}, by"
    for label, count in _first(Counter(source(each) for each in profiles).most_common()):
        yield f"- {label}{f' ({count})' if count > 1 else ''}"
    yield from _rest(len({source(each) for each in profiles}))
    yield ""
    yield f"Hosts: {_listed(each.match_pattern for each in profiles)}"


def _role(snapshot: Snapshot, name: str) -> Iterator[str]:
    entry = snapshot.roles.entries.get(name)
    if entry is None:
        return
    yield f"**{name}** (role)"
    if entry.description:
        yield ""
        yield entry.description
    yield ""
    included = [each for each in snapshot.roles.closures.get(name, ()) if each != name]
    crates = list(snapshot.roles.expand((name,)).crates)
    for label, found in (("Includes", included), ("Crates", crates), ("Vars", entry.vars)):
        if found:
            yield f"- {label}: {_listed(found)}"
    closures = snapshot.roles.closures
    yield ""
    yield from _hosts([each for each in snapshot.profiles if any(name in closures.get(one, ()) for one in each.roles)])


def _environment(snapshot: Snapshot, name: str) -> Iterator[str]:
    found = [
        (document, model.environments[name])
        for document in snapshot.documents.of(Kind.ENVIRONMENTS)
        if isinstance(model := document.parsed.model, Environments) and name in model.environments
    ]
    if not found:
        return
    yield f"**{name}** (environment)"
    for document, entry in _first(found):
        yield ""
        line = _line(snapshot, document, ("environments", name))
        yield f"{document.path}:{line}{f': {entry.description}' if entry.description else ''}"
        for label, names in _contents(entry):
            if names:
                yield f"- {label}: {_listed(names)}"
    yield ""
    yield from _hosts([each for each in snapshot.profiles if each.environment == name])


def _contents(entry: Environment) -> Iterator[tuple[str, Iterable[str]]]:
    yield "Crates", entry.configcrates
    yield "Without", entry.exclude_configcrates
    yield "Vars", entry.vars


def _task(snapshot: Snapshot, name: str) -> Iterator[str]:
    for document in snapshot.documents.of(Kind.TASK):
        task = document.parsed.model
        if isinstance(task, Task) and task.name == name:
            yield f"**{name}** (task), {document.path}"
            if task.description:
                yield ""
                yield task.description
            yield ""
            yield f"`{task.command.partition(chr(10))[0]}`"
            for param, each in _first(task.params.items()):
                yield f"- `{param}`: {each.type}{', required' if each.required else ''} {each.description}".rstrip()
            return


def _source(snapshot: Snapshot, name: str) -> Iterator[str]:
    entry = snapshot.documents.entries.get(name)
    if entry is None:
        return
    rendered = "rendered on the host" if name.endswith(".j2") else "copied as it is"
    size = f", {entry.size} bytes" if entry.size is not None else ""
    yield f"**{name}** ({rendered}{size})"
    known = (*snapshot.crates.values(), *snapshot.usercrates.values())
    users: list[Linked] = [each for each in known if name in each.content]
    if users:
        yield ""
        yield f"Named by {_listed(each.name for each in users)}."


def _block(profile: Profile) -> Iterator[str]:
    resolution = profile.resolution
    yield f"**{profile.match_pattern}** ({profile.pattern.kind.name.lower()})"
    yield ""
    yield f"- Environment: {profile.environment or 'none'}"
    yield f"- Roles: {_listed(profile.roles) or 'none'}"
    yield f"- {_counted(len(resolution.crates), 'crate')}, {_counted(profile.resource_count, 'resource')}:"
    for name, label in _first(resolution.crates.items()):
        yield f"  - {name} ({label})"
    yield from _rest(len(resolution.crates), "  ")


# vars


def _var(snapshot: Snapshot, path: str, keys: VarPath) -> Iterator[str]:
    yield f"**{'.'.join(('vars', *map(str, keys))).replace(f'.{EACH}', EACH)}**"
    written = values.writers(snapshot, path, keys)
    if written:
        yield ""
        yield "Written, the weakest first:"
        for layer, place, value in written[-MAX_LINES:]:
            line = _line(snapshot, layer.document, place)
            own = " (the crate's own default)" if layer.document.kind in (Kind.CONFIGCRATE, Kind.USERCRATE) else ""
            yield f"- `{layer.document.path}:{line}`{own or f' ({layer.label})'}: `{shown(value)}`"
        yield from _rest(len(written), stronger=True)
    found = values.outcomes(snapshot, path, keys)
    if found:
        yield ""
        yield "Comes to:"
        rows = [(name, value, each) for name, groups in found.items() for value, each in groups]
        for name, value, profiles in rows[:MAX_LINES]:
            where = _counted(len(profiles), "match block")
            example = profiles[0].match_pattern if len(profiles) == 1 else f"{profiles[0].match_pattern} ..."
            yield f"- {name or 'no environment'}: `{shown(value)}` in {where} (`{example}`)"
        yield from _rest(len(rows))
    elif not written:
        yield ""
        yield "Nothing that reaches this file writes it."


def _line(snapshot: Snapshot, document: Document, where: tuple[str | int, ...]) -> int:
    document = snapshot.document(document.path) or document
    return snapshot.documents.marks(document).value(where).key_line


def _hosts(profiles: list[Profile]) -> Iterator[str]:
    if profiles:
        patterns = _listed(each.match_pattern for each in profiles)
        yield f"In {_counted(len(profiles), 'match block')}: {patterns}"
    else:
        yield "No match block has it."


# lists


def _first(items: Iterable[Any]) -> list[Any]:
    return list(items)[:MAX_LINES]


def _rest(count: int, indent: str = "", *, stronger: bool = False) -> Iterator[str]:
    if count > MAX_LINES:
        yield f"{indent}- and {count - MAX_LINES} {'weaker' if stronger else 'more'}"


def _listed(names: Iterable[str]) -> str:
    found = [f"`{name}`" for name in names]
    more = f" and {len(found) - MAX_LINES} more" if len(found) > MAX_LINES else ""
    return ", ".join(found[:MAX_LINES]) + more


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"

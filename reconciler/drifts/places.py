"""Places: where in the hierarchy a var can be written so that some hosts have it, and what writing it there takes.

What it costs is what a reader has to take in: a value that is replaced is little, one that is new a little more, a file
or a block that is new much more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from reconciler.drifts.solving import Edit, Path, value_at
from reconciler.graph import Graph, Profile
from reconciler.graph.linking import Linked
from reconciler.graph.patterns import PatternKind
from schema.documents.environments import Environments
from schema.documents.inherited import Inherited
from schema.documents.leaves import Leaf
from schema.documents.roles import Roles
from schema.drifts import Level
from schema.merging import APPEND

REPLACED: Final = 2
ADDED: Final = 3
NEW_FILE: Final = 5
NEW_BLOCK: Final = 6
MAX_BLOCKS: Final = 8
"""Blocks, or hosts with a block of their own, that one proposal writes: beyond that it says nothing briefly."""

MAX_OF_A_LEVEL: Final = 5
"""Directories, or roles: where more of them have a part of the hosts, none says it briefly."""

REMOVED: Final = object()
"""In place of a value: the item of a list is taken out."""

Values = Mapping[Path, Edit]


class Write(NamedTuple):
    """One value in one file; `REMOVED` for an item that goes."""

    file: str
    at: tuple[str | int, ...]
    value: Any
    cost: int


class Place(NamedTuple):
    """Some vars written at one level."""

    level: Level
    where: str
    """For people: `environments.vgo:production`."""
    writes: tuple[Write, ...]
    blocks: tuple[tuple[Profile, str], ...] = ()
    """Blocks to be made: like that of this profile, for this host alone."""


def places(graph: Graph, profiles: Mapping[str, Profile], linked: Linked, values: Values) -> Iterator[Place]:
    """Where these vars can be written for these hosts, each place once.

    A list that stands elsewhere is not written again where one element is added: that is appended (`key+`).

    Args:
        profiles: host → its profile.
        linked: the crate that reads them, whose own defaults are a place as well.
    """
    distinct = list(dict.fromkeys(profiles.values()))
    weight = Counter(profiles.values())
    if all(path[0] in linked.crate.vars for path in values):
        document = linked.crate.document.path
        yield from _place(Level.CRATE, document, document, ("vars",), linked.crate.vars, values)
    yield from _environments(graph, distinct, values)
    yield from _blocks(distinct, values)
    yield from _hosts(profiles, values)
    yield from _common(graph, weight, values)
    yield from _roles(graph, weight, values)


def _common(graph: Graph, weight: Counter[Profile], values: Values) -> Iterator[Place]:
    directories: Counter[str] = Counter()
    for profile, hosts in weight.items():
        parts = profile.document.directory.split("/") if profile.document.directory else []
        directories.update(dict.fromkeys(("", *("/".join(parts[: end + 1]) for end in range(len(parts)))), hosts))
    for directory in _widest(directories):
        file = f"{directory}/common.vgo" if directory else "common.vgo"
        document = graph.documents.by_path.get(file)
        if document is None:
            yield from _place(Level.COMMON, file, file, ("vars",), {}, values, added=NEW_FILE)
        elif isinstance(model := document.parsed.model, Inherited):
            yield from _place(Level.COMMON, file, file, ("vars",), model.vars, values)


def _roles(graph: Graph, weight: Counter[Profile], values: Values) -> Iterator[Place]:
    document = graph.documents.by_path.get("roles.vgo")
    if document is None or not isinstance(model := document.parsed.model, Roles):
        return
    names: Counter[str] = Counter()
    for profile, hosts in weight.items():
        of_profile = {each for role in profile.roles for each in (*graph.roles.closures.get(role, ()), role)}
        names.update(dict.fromkeys(of_profile, hosts))
    for name in _widest(names):
        if name in model.roles:
            under = ("roles", name, "vars")
            yield from _place(Level.ROLE, f"role {name}", document.path, under, model.roles[name].vars, values)


def _widest(found: Counter[str]) -> list[str]:
    """Those under which most of the hosts are; of as many, in the order of their names."""
    return sorted(found, key=lambda each: (-found[each], each))[:MAX_OF_A_LEVEL]


def _environments(graph: Graph, profiles: Sequence[Profile], values: Values) -> Iterator[Place]:
    found: dict[tuple[str, str], Place] = {}
    for profile in profiles:
        for document in profile.resolution.scope.environment_documents:
            now = graph.documents.by_path.get(document.path, document)
            model = now.parsed.model
            if isinstance(model, Environments) and profile.environment in model.environments:
                name = profile.environment
                under, own = ("environments", name, "vars"), model.environments[name].vars
                for place in _place(Level.ENVIRONMENT, f"{now.path}:{name}", now.path, under, own, values):
                    found[now.path, name] = place
    yield from found.values()
    if 1 < len(found) <= MAX_BLOCKS:
        yield _together(Level.ENVIRONMENT, list(found.values()))


def _blocks(profiles: Sequence[Profile], values: Values) -> Iterator[Place]:
    if len(profiles) > MAX_BLOCKS:
        return
    found = []
    for profile in profiles:
        model = profile.document.parsed.model
        if not isinstance(model, Leaf):
            return
        own, path = model.envoys[profile.index].vars, profile.document.path
        exact = profile.pattern.kind is PatternKind.EXACT
        level, where = Level.HOST if exact else Level.BLOCK, f"{path}: {profile.match_pattern}"
        place = next(_place(level, where, path, ("envoys", profile.index, "vars"), own, values), None)
        if place is None:
            return
        found.append(place)
    if found:
        level = Level.HOST if all(place.level is Level.HOST for place in found) else Level.BLOCK
        yield _together(level, found)


def _hosts(profiles: Mapping[str, Profile], values: Values) -> Iterator[Place]:
    """Each host with a block of its own, which is that of its profile and these vars."""
    wide = [(profile, host) for host, profile in profiles.items() if profile.pattern.kind is not PatternKind.EXACT]
    if not wide or len(profiles) > MAX_BLOCKS:
        return
    exact = dict.fromkeys(each for each in profiles.values() if each.pattern.kind is PatternKind.EXACT)
    narrow = next(_blocks(list(exact), values), None) if exact else None
    writes = narrow.writes if narrow is not None else ()
    where = ", ".join(profiles)
    yield Place(Level.HOST, where, writes, tuple(wide))


def _together(level: Level, found: Sequence[Place]) -> Place:
    return Place(
        level, ", ".join(each.where for each in found), tuple(write for each in found for write in each.writes)
    )


def _place(
    level: Level,
    where: str,
    file: str,
    under: tuple[str | int, ...],
    own: Mapping[str, Any],
    values: Values,
    *,
    added: int = ADDED,
) -> Iterator[Place]:
    """The place, where these vars can be written there; what stands there is changed no more than it must be."""
    writes: list[Write] = []
    for path, edit in values.items():
        of_path = _writes(file, under, own, path, edit, added)
        if of_path is None:
            return
        writes += of_path
    yield Place(level, where, tuple(writes))


def _writes(
    file: str, under: tuple[str | int, ...], own: Mapping[str, Any], path: Path, edit: Edit, added: int
) -> Sequence[Write] | None:
    at, now = (*under, *path), value_at(own, path)
    if not isinstance(edit.value, list):
        return [Write(file, at, edit.value, added if now is None else REPLACED)]
    appending = (*path[:-1], path[-1] + APPEND)
    appended = value_at(own, appending)
    before = edit.before if isinstance(edit.before, list) else []
    if isinstance(now, list):
        kept = len(before) - len(now)  # what stronger levels append stays theirs
        if before[: len(now)] != now or edit.value[len(edit.value) - kept :] != before[len(now) :]:
            return None
        return within(file, at, now, edit.value[: len(edit.value) - kept])
    if isinstance(appended, list):
        below = len(before) - len(appended)
        if before[below:] != appended or edit.value[:below] != before[:below]:
            return None
        return within(file, (*under, *appending), appended, edit.value[below:])
    if before and edit.value[:-1] == before:
        return [Write(file, (*under, *appending), edit.value[-1:], added)]
    return [Write(file, at, edit.value, added + len(edit.value))]


def of_block(profile: Profile, values: Values) -> dict[Sequence[str], Any]:
    """What a copy of a profile's block holds so that these are its vars: path in the block → value."""
    model = profile.document.parsed.model
    own = model.envoys[profile.index].vars if isinstance(model, Leaf) else {}
    found: dict[Sequence[str], Any] = {}
    for path, edit in values.items():
        writes = _writes("", ("vars",), own, path, edit, ADDED) or ()
        short = len(writes) == 1 and str(writes[0].at[-1]).endswith(APPEND)
        found |= {tuple(map(str, writes[0].at)): writes[0].value} if short else {("vars", *path): edit.value}
    return found


def within(file: str, at: tuple[str | int, ...], now: Any, then: Any) -> Sequence[Write]:
    """The fewest writes that make one value of a file another: of lists and maps only what differs in them."""
    if isinstance(now, dict) and isinstance(then, dict) and now.keys() == then.keys():
        keys = [key for key in now if now[key] != then[key]]
        return [write for key in keys for write in within(file, (*at, key), now[key], then[key])]
    if isinstance(now, list) and isinstance(then, list):
        if len(now) == len(then):
            numbers = [number for number, (one, other) in enumerate(zip(now, then, strict=True)) if one != other]
            return [write for number in numbers for write in within(file, (*at, number), now[number], then[number])]
        if then[:-1] == now:
            return [Write(file, (*at, len(now)), then[-1], ADDED)]
        for number in range(len(now)):
            if [*now[:number], *now[number + 1 :]] == then:
                return [Write(file, (*at, number), REMOVED, REPLACED)]
        return [Write(file, at, then, REPLACED + len(then))]
    return [Write(file, at, then, ADDED if now is None else REPLACED)]

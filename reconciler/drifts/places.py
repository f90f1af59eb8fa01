"""Places: where in the hierarchy a var can be written so that some hosts have it, and what writing it there takes.

What it costs is what a reader has to take in: a value that is replaced is little, one that is new a little more, a file
or a block that is new much more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from reconciler.drifts.solving import Path, Scalar, value_at
from reconciler.graph import Graph, Profile
from reconciler.graph.patterns import PatternKind
from schema.documents.environments import Environments
from schema.documents.inherited import Inherited
from schema.documents.leaves import Leaf
from schema.documents.roles import Roles
from schema.drifts import Level

REPLACED: Final = 2
ADDED: Final = 3
NEW_FILE: Final = 5
NEW_BLOCK: Final = 6
MAX_BLOCKS: Final = 8
"""Blocks, or hosts with a block of their own, that one proposal writes: beyond that it says nothing briefly."""

MAX_OF_A_LEVEL: Final = 5
"""Directories, or roles: where more of them have a part of the hosts, none says it briefly."""

Values = Mapping[Path, Scalar]


class Write(NamedTuple):
    """One value in one file."""

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


def places(graph: Graph, profiles: Mapping[str, Profile], crate: str, values: Values) -> Iterator[Place]:
    """Where these vars can be written for these hosts, each place once.

    Args:
        profiles: host → its profile.
        crate: the crate that reads them, whose own defaults are a place as well.
    """
    distinct = list(dict.fromkeys(profiles.values()))
    weight = Counter(profiles.values())
    linked = graph.crates[crate]
    if all(path[0] in linked.crate.vars for path in values):
        document = linked.crate.document.path
        yield Place(Level.CRATE, document, _writes(document, ("vars",), linked.crate.vars, values))
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
            writes = tuple(Write(file, ("vars", *path), value, NEW_FILE) for path, value in values.items())
            yield Place(Level.COMMON, file, writes)
        elif isinstance(model := document.parsed.model, Inherited):
            yield Place(Level.COMMON, file, _writes(file, ("vars",), model.vars, values))


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
            writes = _writes(document.path, ("roles", name, "vars"), model.roles[name].vars, values)
            yield Place(Level.ROLE, f"role {name}", writes)


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
                writes = _writes(now.path, ("environments", name, "vars"), model.environments[name].vars, values)
                found[now.path, name] = Place(Level.ENVIRONMENT, f"{now.path}:{name}", writes)
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
        own = model.envoys[profile.index].vars
        writes = _writes(profile.document.path, ("envoys", profile.index, "vars"), own, values)
        exact = profile.pattern.kind is PatternKind.EXACT
        level = Level.HOST if exact else Level.BLOCK
        found.append(Place(level, f"{profile.document.path}: {profile.match_pattern}", writes))
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


def _writes(file: str, under: tuple[str | int, ...], own: Mapping[str, Any], values: Values) -> tuple[Write, ...]:
    return tuple(
        Write(file, (*under, *path), value, ADDED if value_at(own, path) is None else REPLACED)
        for path, value in values.items()
    )

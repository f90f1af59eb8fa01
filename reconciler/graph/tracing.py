"""Trace: how the config of one host came to be, level by level and value by value."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from reconciler.documents.marks import Path
from reconciler.graph.graphs import Graph
from reconciler.graph.patterns import PatternKind
from reconciler.graph.profiles import Profile
from reconciler.graph.resolution import MATCH_BLOCK
from reconciler.graph.scopes import Layer
from schema.config import ConfigTrace, InheritanceLevel, Place, RoleExpansion, VarSource
from schema.documents.inherited import Inherited
from schema.merging import APPEND, merge, settle
from schema.traces import TreeRef

_KINDS: Final[dict[PatternKind, Literal["exact", "glob", "regex"]]] = {
    PatternKind.EXACT: "exact",
    PatternKind.GLOB: "glob",
    PatternKind.REGEX: "regex",
}


def trace(graph: Graph, hostname: str, *, configcrate: str | None = None, places: bool = True) -> ConfigTrace:
    """How a host's config came to be.

    Args:
        hostname: in any case, with or without the dot at its end.
        configcrate: leave out levels, crates and roles that do not bring this one; vars are kept.
        places: say of each var where it is written. Files that nobody has asked about are read for that.
    """
    hostname = hostname.strip().lower().rstrip(".")
    profile = graph.match(hostname)
    if profile is None:
        return ConfigTrace(hostname=hostname, matched=False)
    inheritance, roles = list(_inheritance(profile)), list(_roles(graph, profile))
    crates = profile.configcrates
    if configcrate is not None:
        inheritance = [level for level in inheritance if configcrate in level.configcrates]
        roles = [role for role in roles if configcrate in role.configcrates]
        crates = [name for name in crates if name == configcrate]
    return ConfigTrace(
        hostname=hostname,
        matched=True,
        match_pattern=profile.match_pattern,
        pattern_type=_KINDS[profile.pattern.kind],
        environment=profile.environment or None,
        roles=list(profile.roles),
        role_expansion=roles,
        inheritance=inheritance,
        configcrates=crates,
        configcrate_sources={name: profile.resolution.crates[name] for name in profile.configcrates},
        var_sources=list(_var_sources(graph, profile, places=places)),
        resource_count=profile.resource_count,
        usercrate_sources={
            linked.name: profile.resolution.usercrates[linked.name] for linked in profile.usercrates.linked
        }
        or None,
    )


def reach(graph: Graph, configcrate: str) -> list[Profile]:
    """The profiles whose hosts have this crate, in the order of their blocks."""
    return [profile for profile in graph.order if any(each.name == configcrate for each in profile.crates.linked)]


def carriers(graph: Graph, subject: Literal["configcrate", "usercrate"], name: str) -> dict[str, str] | None:
    """Id of each profile that has a crate → what brings it; None where the tree has no such crate at all."""
    if subject == "configcrate":
        found = {profile.id: profile.resolution.crates[name] for profile in reach(graph, name)}
        known = name in graph.crates
    else:
        having = (profile for profile in graph.profiles.values() if name in profile.resolution.usercrates)
        found = {profile.id: profile.resolution.usercrates[name] for profile in having}
        known = name in graph.usercrates
    return found if found or known else None


def tree_refs(graph: Graph, carried: Mapping[str, str], *, inhabited: Collection[str] = ()) -> list[TreeRef]:
    """The match blocks among `carriers` without an enrolled host.

    Args:
        inhabited: ids of the profiles that have one.
    """
    return [
        TreeRef(match=profile.match_pattern, environment=profile.environment, carrier=carried[profile.id])
        for profile in graph.profiles.values()
        if profile.id in carried and profile.id not in inhabited
    ]


def writer(graph: Graph, profile: Profile, path: Sequence[str], configcrate: str = "") -> VarSource | None:
    """Who wrote the value at a path of a profile's vars, or else what is around it; None where nobody wrote either.

    Args:
        configcrate: see the vars as this crate does, over its own defaults.
    """
    layers = list(profile.resolution.layers)
    for linked in profile.crates.linked:
        if linked.name == configcrate and linked.crate.vars:
            own = Layer(f"configcrate:{configcrate}", linked.crate.document, ("vars",), linked.crate.vars)
            layers.insert(0, own)
    written = _written(layers, {}, len(layers)).get(path[0])
    if written is None:
        return None
    for part in path[1:]:
        below = written.below or (_keys_of(written) if isinstance(written.value, dict) else {})
        if part not in below:
            break
        written = below[part]
    key, place = ".".join(path), _place(graph, profile, written)
    return VarSource(key=key, value=written.value, source=written.layer.label, place=place)


def _inheritance(profile: Profile) -> Iterator[InheritanceLevel]:
    above: dict[str, Any] = {}
    for document in profile.resolution.scope.levels:
        level = document.parsed.model
        if not isinstance(level, Inherited):
            continue
        overrides = sorted(key for key, value in level.vars.items() if _replaces(above.get(key, _ABSENT), key, value))
        above = merge(above, level.vars)
        yield InheritanceLevel(
            dir=document.directory,
            file=document.path.rpartition("/")[2],
            configcrates=level.configcrates,
            vars=level.vars,
            overrides=overrides or None,
        )


def _replaces(below: Any, key: str, value: Any) -> bool:
    """Whether a value takes another's place; merging into a map or appending to a list does not."""
    if below is _ABSENT or key.endswith(APPEND):
        return False
    if isinstance(below, dict) and isinstance(value, dict):
        return any(_replaces(below.get(inner, _ABSENT), inner, item) for inner, item in value.items())
    return True


def _roles(graph: Graph, profile: Profile) -> Iterator[RoleExpansion]:
    for role in profile.roles:
        closure = graph.roles.closures.get(role, ())
        crates = list(graph.roles.expand((role,)).crates)
        yield RoleExpansion(role=role, includes=[each for each in closure if each != role], configcrates=crates)


# Vars: the merge again, with each value's writer.


@dataclass(slots=True)
class _Written:
    """A value and the last layer that wrote it; of a map that several wrote, its keys."""

    value: Any
    layer: Layer
    path: Path
    rank: int
    below: dict[str, _Written] = field(default_factory=dict)
    mixed: bool = False
    """Whether more than one layer wrote what is below."""


def _var_sources(graph: Graph, profile: Profile, *, places: bool) -> Iterator[VarSource]:
    """The sources of all vars, those of the strongest layer first.

    A map to which several layers gave keys is followed by its keys, dotted, as far down as their sources differ.
    """
    rows: list[tuple[int, str, _Written]] = []
    layers = profile.resolution.layers
    found = _written(layers, {}, len(layers))
    for key, written in found.items():
        rows += _rows(key, written)
    for linked in profile.crates.linked:
        document = linked.crate.document
        layer = Layer(f"configcrate:{linked.name}", document, ("vars",), linked.crate.vars)
        for key, value in settle(linked.crate.vars).items():
            if key not in found:
                rows.append((-1, key, _Written(value, layer, ("vars", key), -1)))
    for _, key, written in sorted(rows, key=lambda row: (-row[0], row[1].split("."), row[2].layer.label)):
        place = _place(graph, profile, written) if places else None
        yield VarSource(key=key, value=written.value, source=written.layer.label, place=place)


def _rows(key: str, written: _Written) -> list[tuple[int, str, _Written]]:
    rows = [(written.rank, key, written)]
    if written.mixed:
        for name, inner in written.below.items():
            rows += _rows(f"{key}.{name}", inner)
    return rows


def _written(layers: Sequence[Layer], found: dict[str, _Written], count: int) -> dict[str, _Written]:
    for rank, layer in enumerate(layers[:count]):
        _overlay(found, layer.vars, layer, layer.path, rank)
    return found


def _overlay(found: dict[str, _Written], vars_: Mapping[str, Any], layer: Layer, path: Path, rank: int) -> None:
    for key, value in vars_.items():
        at = (*path, key)
        name = key[: -len(APPEND)] if key.endswith(APPEND) and len(key) > 1 and isinstance(value, list) else key
        below = found.get(name)
        if name != key and below is not None and isinstance(below.value, list):
            found[name] = _Written(below.value + value, layer, at, rank)
        elif below is not None and isinstance(below.value, dict) and isinstance(value, dict):
            before = below.below or _keys_of(below)
            _overlay(before, value, layer, at, rank)
            merged = {inner: written.value for inner, written in before.items()}
            found[name] = _Written(merged, layer, at, rank, before, mixed=True)
        else:
            found[name] = _Written(settle(value) if isinstance(value, dict) else value, layer, at, rank)


def _keys_of(written: _Written) -> dict[str, _Written]:
    return {
        key: _Written(value, written.layer, (*written.path, key), written.rank) for key, value in written.value.items()
    }


def _place(graph: Graph, profile: Profile, written: _Written) -> Place:
    documents = graph.documents
    # A layer may be older than the commit: what it says has not changed since, but where it says it may have.
    document = documents.by_path.get(written.layer.document.path, written.layer.document)
    path = written.path
    if written.layer.label == MATCH_BLOCK:
        path = ("envoys", profile.index, *path[2:])
    line, column = documents.place(document, path)
    return Place(file=document.path, line=line, column=column, commit=graph.commit)


_ABSENT: Final = object()

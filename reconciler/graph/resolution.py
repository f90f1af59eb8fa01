"""Resolution: which crates and vars a match block gives its hosts, each with where it came from.

Crates in order, each once, from its first source: inherited, roles, environment, the block's own; then whatever is
excluded anywhere is gone. Vars from weak to strong: inherited, roles, block, environment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from reconciler.documents import Document
from reconciler.documents.marks import Path
from reconciler.graph.roles import Expansion, RoleSet
from reconciler.graph.scopes import EnvironmentChain, Layer, Scope, appends, unique
from schema.documents.leaves import MatchBlock
from schema.merging import merge, merge_closed

MATCH_BLOCK: Final = "match-block"
_NO_USERCRATES: Final[Mapping[str, str]] = MappingProxyType({})


Part = Mapping[str, str] | tuple[tuple[str, str], ...]


class Resolution(NamedTuple):
    """What one match block means."""

    environment: str
    roles: tuple[str, ...]
    crates: Mapping[str, str]
    """Crate → label of its one source, in order, before `depends_on` has its say."""
    vars: dict[str, Any]
    """Merged; an append that nothing is below is still one."""
    simple: bool
    """Whether `vars` need no second look: plain to encode, and nothing in them still to append."""
    layers: tuple[Layer, ...]
    scope: Scope
    conflicts: tuple[tuple[Layer, Path], ...]
    """Appends to what is no list: the layer, and the path in its document."""
    whole: bool
    """Whether every document behind it is sound."""
    usercrates: Mapping[str, str]
    """Usercrate → label of its one source, in order: inherited, then the block's own. Nothing excludes one."""
    parts: tuple[Part, ...]
    """Crates with their labels that are shared with other blocks, where `crates` is these and nothing else."""


def resolve(document: Document, index: int, block: MatchBlock, scope: Scope, roles: RoleSet) -> Resolution:
    """What a block of a leaf means, under the scope of its directory. Names that do not exist bring nothing."""
    listed = unique((*scope.roles, *block.roles)) if block.roles else scope.roles
    expansion = roles.expand(listed)
    environment = scope.environment(block.environment) if block.environment is not None else None

    crates, parts = _crates(block, scope, expansion, environment)
    layers = scope.layers + expansion.layers
    clashes: list[tuple[str, ...]] = [*scope.conflicts, *expansion.conflicts]
    simple = scope.simple and expansion.simple and (environment is None or environment.simple)
    if block.vars:
        simple = simple and document.parsed.plain and not appends(block.vars)
        layers = (*layers, Layer(MATCH_BLOCK, document, ("envoys", index, "vars"), block.vars))
    merged = scope.vars
    for vars_ in (expansion.vars, block.vars):
        if vars_:
            merged = merge_closed(merged, vars_) if simple else merge(merged, vars_, clashes)
    if environment is not None and environment.layers:
        layers += environment.layers
        clashes += environment.conflicts
        vars_ = environment.vars
        merged = merge_closed(merged, vars_) if simple else merge(merged, vars_, clashes)
    return Resolution(
        block.environment or "",
        listed,
        crates,
        merged,
        simple,
        layers,
        scope,
        tuple([_blamed(layers, clash) for clash in clashes]),
        scope.whole and document.parsed.whole and (roles.whole or not listed),
        _usercrates(block, scope) if block.usercrates or scope.usercrates else _NO_USERCRATES,
        parts,
    )


def _crates(
    block: MatchBlock, scope: Scope, expansion: Expansion, environment: EnvironmentChain | None
) -> tuple[Mapping[str, str], tuple[Part, ...]]:
    """Crates with their labels, and the parts that they are."""
    parts: tuple[Part, ...] = (scope.crates, expansion.crates)
    if environment is not None:
        parts = (*parts, environment.crates)
    crates = dict(scope.crates)
    for part in parts[1:]:
        if crates.keys().isdisjoint(part):
            crates.update(part)
        else:
            crates = {**crates, **dict(part), **crates}  # each stays where it came first, with that label
    for name in block.configcrates:
        crates.setdefault(name, MATCH_BLOCK)
    for excluded in (scope.excluded, block.exclude_configcrates, environment.excluded if environment else ()):
        for name in excluded:
            crates.pop(name, None)
    whole = not block.configcrates and len(crates) == sum(map(len, parts))
    return crates, parts if whole else ()


def _usercrates(block: MatchBlock, scope: Scope) -> Mapping[str, str]:
    found = dict(scope.usercrates)
    for name in block.usercrates:
        found.setdefault(name, MATCH_BLOCK)
    return found


def _blamed(layers: Sequence[Layer], clash: tuple[str, ...]) -> tuple[Layer, Path]:
    """The strongest layer that writes a path of vars, and where that stands in its document."""
    for layer in reversed(layers):
        value: Any = layer.vars
        for key in clash:
            if not isinstance(value, Mapping) or key not in value:
                break
            value = value[key]
        else:
            return layer, layer.path + clash
    raise LookupError(clash)  # a clash comes from a layer

"""Elsewhere: which lines of the config would bring something, to other hosts than the one that lacks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reconciler.documents.kinds import Kind
from reconciler.explanations import hosts
from reconciler.explanations.answers import Asked, Mention
from reconciler.explanations.overlay import word_on
from reconciler.explanations.places import below, leaves
from reconciler.graph import Graph, Profile
from schema.documents.environments import Environments
from schema.documents.inherited import Inherited
from schema.documents.leaves import Leaf, MatchBlock
from schema.explanations import LinkKind

Has = Callable[[Profile], bool]


def losers(asked: Asked, has: Has) -> Iterator[Profile]:
    """Blocks that match the host, would bring it what was asked for, and lost to the one that applies."""
    winner = asked.ways.profile
    return (each for each in hosts.outmatched(asked.places.graph, asked.hostname, winner) if has(each))


def listing(graph: Graph, name: str, key: str) -> Iterator[Mention]:
    """Lines that list a crate (`key` is `configcrates`) or usercrate."""
    for role, entry in graph.roles.entries.items():
        listed = getattr(entry, key, ())
        if name in listed and graph.roles.document is not None:
            way = ("roles", role, key, listed.index(name))
            yield Mention(LinkKind.LIST, f"role {role} lists {name}", graph.roles.document, way)
    for document in graph.documents.of(Kind.ENVIRONMENTS):
        model = document.parsed.model
        for environment, each in model.environments.items() if isinstance(model, Environments) else ():
            listed = getattr(each, key, ())
            if name in listed:
                text = f"environment {environment}, for {below(document)}, lists {name}"
                way = ("environments", environment, key, listed.index(name))
                yield Mention(LinkKind.LIST, text, document, way)
    yield from _in_levels(graph, name, key, f"lists {name}", LinkKind.INHERIT)
    yield from _in_blocks(graph, name, key, f"lists {name}", LinkKind.LIST)


def giving_role(graph: Graph, name: str) -> Iterator[Mention]:
    """Lines that give or include a role."""
    for role, entry in graph.roles.entries.items():
        if name in entry.includes and graph.roles.document is not None:
            way = ("roles", role, "includes", entry.includes.index(name))
            yield Mention(LinkKind.ROLE, f"role {role} includes {name}", graph.roles.document, way)
    yield from _in_levels(graph, name, "roles", f"gives role {name}", LinkKind.ROLE)
    yield from _in_blocks(graph, name, "roles", f"gives role {name}", LinkKind.ROLE)


def in_environment(graph: Graph, name: str) -> Iterator[Mention]:
    """Match blocks whose hosts are in an environment."""
    for document, index, block in _blocks(graph):
        if block.environment == name:
            text = f"{block.match} is in environment {name}"
            yield Mention(LinkKind.ENVIRONMENT, text, document, ("envoys", index, "environment"))


def writing(graph: Graph, dotted: str, accept: Callable[[Any], bool]) -> Iterator[Mention]:
    """Lines that write a var, to a value that is accepted."""
    for role, entry in graph.roles.entries.items():
        if graph.roles.document is not None and (way := _word(entry.vars, dotted, accept)):
            text = f"role {role} sets {dotted}"
            yield Mention(LinkKind.WRITE, text, graph.roles.document, ("roles", role, "vars", *way))
    for document in graph.documents.of(Kind.ENVIRONMENTS):
        model = document.parsed.model
        for environment, each in model.environments.items() if isinstance(model, Environments) else ():
            if way := _word(each.vars, dotted, accept):
                text = f"environment {environment}, for {below(document)}, sets {dotted}"
                yield Mention(LinkKind.WRITE, text, document, ("environments", environment, "vars", *way))
    for document in graph.documents.of(Kind.INHERITED):
        level = document.parsed.model
        if isinstance(level, Inherited) and (way := _word(level.vars, dotted, accept)):
            text = f"{document.path}, inherited by {below(document)}, sets {dotted}"
            yield Mention(LinkKind.WRITE, text, document, ("vars", *way))
    for document, index, block in _blocks(graph):
        if block.vars and (way := _word(block.vars, dotted, accept)):
            text = f"the block for {block.match} sets {dotted}"
            yield Mention(LinkKind.WRITE, text, document, ("envoys", index, "vars", *way))
    for name, linked in (*graph.crates.items(), *graph.usercrates.items()):
        if linked.crate.vars and (way := _word(linked.crate.vars, dotted, accept)):
            text = f"crate {name} has a default for {dotted}, which it alone sees"
            yield Mention(LinkKind.WRITE, text, linked.crate.document, ("vars", *way))


def _word(vars_: Mapping[str, Any], dotted: str, accept: Callable[[Any], bool]) -> tuple[str, ...]:
    found = word_on(vars_, dotted)
    return () if found is None or found.blocks or not accept(found.value) else found.written


def _in_levels(graph: Graph, name: str, key: str, does: str, kind: LinkKind) -> Iterator[Mention]:
    for document in graph.documents.of(Kind.INHERITED):
        listed = getattr(document.parsed.model, key, ())
        if name in listed:
            text = f"{document.path}, inherited by {below(document)}, {does}"
            yield Mention(kind, text, document, (key, listed.index(name)))


def _in_blocks(graph: Graph, name: str, key: str, does: str, kind: LinkKind) -> Iterator[Mention]:
    for document, index, block in _blocks(graph):
        listed = getattr(block, key)
        if name in listed:
            text = f"the block for {block.match} {does}"
            yield Mention(kind, text, document, ("envoys", index, key, listed.index(name)))


def _blocks(graph: Graph) -> Iterator[tuple[Any, int, MatchBlock]]:
    for document in leaves(graph):
        if isinstance(leaf := document.parsed.model, Leaf):
            for index, block in enumerate(leaf.envoys):
                yield document, index, block

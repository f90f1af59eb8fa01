"""Subjects: what somebody asks about, read from a word.

`crate/resource` and `type:identity` are resources; `crate:`, `var:`, `role:`, `environment:` and `usercrate:` say what
a name is; `name=value` is a var and the value that was expected of it; a bare name is what the config knows by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from reconciler.documents.kinds import Kind
from reconciler.explanations.overlay import word_on
from reconciler.explanations.places import environment_in, leaves
from reconciler.graph import Graph, Profile
from schema.documents.environments import Environments
from schema.documents.inherited import Inherited
from schema.documents.leaves import Leaf
from schema.explanations import SubjectKind
from schema.resources import RESOURCES

MAX_SUBJECT: Final = 1_000
PATH: Final = "path"
"""Stands for every type that owns a path."""
_ORDER: Final = (
    SubjectKind.CRATE,
    SubjectKind.VAR,
    SubjectKind.ROLE,
    SubjectKind.ENVIRONMENT,
    SubjectKind.USERCRATE,
)
_PREFIXES: Final = {kind.value: kind for kind in SubjectKind if kind is not SubjectKind.UNKNOWN}


class Subject(NamedTuple):
    """What is asked about."""

    kind: SubjectKind
    name: str
    type: str = ""
    """Of a resource that is named by its identity."""
    wanted: tuple[Any, ...] = ()
    """The value that a var was expected to have, if one was named."""


def names_nothing(text: str) -> bool:
    """Whether a text is no subject at all: empty, or a word for a kind with no name."""
    return not text.strip().rpartition(":")[2].strip("=/ ")


def read(text: str, graph: Graph, profile: Profile | None) -> tuple[Subject, list[str]]:
    """The subject that a text means, and the others that it could mean."""
    text = text.strip()
    prefix, colon, rest = text.partition(":")
    if colon and rest and (prefix in RESOURCES or prefix == PATH):
        return Subject(SubjectKind.RESOURCE, rest, prefix), []
    if colon and rest and prefix in _PREFIXES:
        kind = _PREFIXES[prefix]
        if "/" in rest and kind in (SubjectKind.CRATE, SubjectKind.USERCRATE):
            return Subject(SubjectKind.RESOURCE, rest if kind is SubjectKind.CRATE else text), []
        return _valued(rest) if kind is SubjectKind.VAR else Subject(kind, rest), []
    if text.startswith("/"):
        return Subject(SubjectKind.RESOURCE, text, PATH), []
    if "=" in text and "/" not in text.partition("=")[0]:
        return _valued(text), []
    if "/" in text:
        return Subject(SubjectKind.RESOURCE, text), []
    found: list[SubjectKind] = []
    for kind in _ORDER:
        # What is known otherwise is not looked for among all vars of the tree, only among the host's.
        if _knows(graph, profile, kind, text, everywhere=not found):
            found.append(kind)
    if not found:
        return Subject(SubjectKind.UNKNOWN, text), []
    return Subject(found[0], text), [f"{kind}:{text}" for kind in found[1:]]


def names(graph: Graph, kind: SubjectKind) -> Iterator[str]:
    """All that the config knows of a kind; of vars, those at the top and two levels below."""
    documents = graph.documents
    if kind is SubjectKind.CRATE:
        yield from graph.crates
    elif kind is SubjectKind.ROLE:
        yield from graph.roles.entries
    elif kind is SubjectKind.USERCRATE:
        yield from (document.stem for document in documents.of(Kind.USERCRATE))
    elif kind is SubjectKind.ENVIRONMENT:
        for document in documents.of(Kind.ENVIRONMENTS):
            model = document.parsed.model
            yield from model.environments if isinstance(model, Environments) else ()
    elif kind is SubjectKind.RESOURCE:
        for linked in (*graph.crates.values(), *graph.usercrates.values()):
            yield from linked.crate.resources
    elif kind is SubjectKind.VAR:
        for vars_ in all_vars(graph):
            yield from _dotted(vars_, 2)


def all_vars(graph: Graph) -> Iterator[dict[str, Any]]:
    """The vars of every layer and crate of the tree."""
    documents = graph.documents
    for document in documents.of(Kind.INHERITED):
        if isinstance(level := document.parsed.model, Inherited):
            yield level.vars
    yield from (entry.vars for entry in graph.roles.entries.values())
    for document in documents.of(Kind.ENVIRONMENTS):
        if isinstance(model := document.parsed.model, Environments):
            yield from (each.vars for each in model.environments.values())
    for document in leaves(graph):
        if isinstance(leaf := document.parsed.model, Leaf):
            yield from (block.vars for block in leaf.envoys if block.vars)
    yield from (linked.crate.vars for linked in (*graph.crates.values(), *graph.usercrates.values()))


def _valued(text: str) -> Subject:
    name, sign, value = text.partition("=")
    if not sign:
        return Subject(SubjectKind.VAR, name)
    try:
        wanted = json.loads(value)
    except ValueError:
        wanted = value
    return Subject(SubjectKind.VAR, name.strip(), wanted=(wanted,))


def _knows(graph: Graph, profile: Profile | None, kind: SubjectKind, name: str, *, everywhere: bool) -> bool:
    if kind is SubjectKind.CRATE:
        return name in graph.crates
    if kind is SubjectKind.ROLE:
        return name in graph.roles.entries
    if kind is SubjectKind.ENVIRONMENT:
        return any(environment_in(each, name) is not None for each in graph.documents.of(Kind.ENVIRONMENTS))
    if kind is SubjectKind.USERCRATE:
        return any(each.stem == name for each in graph.documents.of(Kind.USERCRATE))
    if profile is not None and word_on(profile.resolution.vars, name) is not None:
        return True
    return everywhere and any(word_on(vars_, name) is not None for vars_ in all_vars(graph))


def _dotted(vars_: dict[str, Any], depth: int) -> Iterator[str]:
    for key, value in vars_.items():
        name = key.removesuffix("+")
        yield name
        if depth and isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in _dotted(value, depth - 1))

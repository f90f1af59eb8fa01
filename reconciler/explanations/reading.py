"""Reading: which vars the crates of a tree read, by their texts, and which files they name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from reconciler import expressions
from reconciler.explanations.conditions import vars_read
from reconciler.explanations.overlay import Keys
from reconciler.expressions import Analysis
from reconciler.graph import Graph
from reconciler.graph.linking import TEMPLATE, Linked
from schema.documents.configcrates import Configcrate


class Reads:
    """The vars that some crates read. What is read as a whole is read with all that is below it."""

    def __init__(self, read: Iterable[Keys]) -> None:
        self._whole: Final = frozenset(read)
        self._above: Final = frozenset(keys[:depth] for keys in self._whole for depth in range(len(keys)))

    def has(self, keys: Keys) -> bool:
        """Whether a var, something below it, or what it is part of is read."""
        return keys in self._above or any(keys[:depth] in self._whole for depth in range(len(keys) + 1))


def reads_of(graph: Graph) -> Reads:
    """The vars that any crate of the tree reads, whether or not a host has that crate."""
    found: dict[Keys, None] = {}
    for linked in (*graph.crates.values(), *graph.usercrates.values()):
        for analysis in _analyses(linked):
            found.update(dict.fromkeys(vars_read(analysis)))
    return Reads(found)


def files_of(graph: Graph) -> frozenset[str]:
    """The paths of content that any crate names."""
    return frozenset(path for linked in (*graph.crates.values(), *graph.usercrates.values()) for path in linked.content)


def _analyses(linked: Linked) -> Iterator[Analysis]:
    model = linked.crate.document.parsed.model
    if not isinstance(model, Configcrate):
        return
    if model.when is not None:
        yield expressions.analyse(model.when, template=False)
    yield from _texts(dict(model.defaults))
    for resource in model.resources:
        if resource.when is not None:
            yield expressions.analyse(resource.when, template=False)
        if isinstance(resource.foreach, str):
            yield expressions.analyse(resource.foreach, template=False)
        elif resource.foreach is not None:
            yield from _texts(resource.foreach)
        yield from _texts(dict(resource.model_extra or {}))
    for path, content in linked.content.items():
        if path.endswith(TEMPLATE) and content.text is not None:
            yield expressions.analyse(content.text, template=True)


def _texts(value: object) -> Iterator[Analysis]:
    return (each for _, each in expressions.analyse_value(value))

"""A config, and what is proposed to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reconciler import graph, repository
from reconciler.authoring.trees import Overlaid
from reconciler.drifts import Drifted, Proposed, propose
from reconciler.graph import Graph
from schema.protocol.reports import ObservedAttribute


class Site:
    """A config, its graph, and what an edit of it would mean."""

    def __init__(self, folder: Path, config: Mapping[str, str], hosts: Sequence[str]) -> None:
        for name, text in config.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.hosts = hosts
        self.tree = repository.directory(folder)
        self.cache = graph.Cache()
        compiled = graph.compile_tree(self.tree, self.cache)
        assert compiled.graph is not None, compiled.diagnostics
        self.graph: Graph = compiled.graph

    def compile(self, files: Mapping[str, bytes]) -> Graph | None:
        return graph.compile_tree(Overlaid(self.tree, files), self.cache).graph

    def propose(
        self, resource: str, type_: str, hosts: tuple[str, ...], *told: Any, alike: Iterable[str] = (), **more: Any
    ) -> Proposed:
        """What can be made desired of what was told: (name, found, desired)."""
        observed = tuple(ObservedAttribute(name=name, found=found, desired=desired) for name, found, desired in told)
        drifted = Drifted(resource, type_, hosts, observed, frozenset(alike), **more)
        return propose(self.graph, drifted, self.hosts, self.compile, self.read)

    def read(self, path: str) -> bytes:
        return self.tree.read(self.tree.entries()[path].oid)

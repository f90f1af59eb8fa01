"""Previews of small trees, rendered in this process: the judgement alone, without the child."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from reconciler import graph
from reconciler.graph import Cache, Graph
from reconciler.previews import compare, of_blocks, of_hosts
from reconciler.rendering.resources import judged
from schema.previews import ChangeClass, ResourceChange, RevisionPreview
from tests.factories.trees import tree

DEBIAN = {"os": {"family": "debian", "version": "12"}, "network": {"fqdn": "web01.example.com"}}
HOSTS = """
envoys:
  - {match: "web*.example.com", configcrates: [site]}
"""


def here(jobs: Sequence[Any]) -> list[Any]:
    """What the child answers, through the same bytes."""
    return [orjson.loads(orjson.dumps(judged(job))) for job in orjson.loads(orjson.dumps(list(jobs)))]


def compiled(files: Mapping[str, str], cache: Cache | None = None) -> Graph:
    compilation = graph.compile_tree(tree(files), cache)
    assert compilation.graph is not None, compilation.diagnostics
    return compilation.graph


def preview(
    base: Mapping[str, str],
    other: Mapping[str, str],
    hosts: Iterable[str] | None = ("web01.example.com",),
    traits: Mapping[str, Mapping[str, Any]] | None = None,
    **options: Any,
) -> RevisionPreview:
    """Of two trees, for some hosts; None: for their match blocks."""
    cache = Cache()
    one, two = compiled(base, cache), compiled(other, cache)
    subjects = of_blocks(one, two) if hosts is None else of_hosts(one, two, hosts)
    made = compare(one, two, subjects, subject="blocks" if hosts is None else "hosts", **options)
    return made.answer(traits or {}, here)


def crate(*resources: str, head: str = "", name: str = "site") -> str:
    """A crate of resources in flow style."""
    return f"name: {name}\n{head}\nresources:\n" + "".join(f"  - {each}\n" for each in resources)


def one(found: RevisionPreview) -> ChangeClass:
    assert len(found.classes) == 1, found.classes
    return found.classes[0]


def resource(found: RevisionPreview) -> ResourceChange:
    changes = one(found).resources
    assert len(changes) == 1, changes
    return changes[0]

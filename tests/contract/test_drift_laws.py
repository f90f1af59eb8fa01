"""Laws of drift, for every resource type: what makes it otherwise shows at a place that it names, or it says what does
not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.hosts import HostFault, Kind, MemoryHost
from agent.hosts.host import MANAGED
from agent.hosts.memory import Node
from agent.places import file_of
from agent.resources import TYPES
from agent.resources.types import ResourceFailed
from schema.protocol.reports import Outcome
from tests.effort import tries
from tests.strategies import machines, programs

SCENES = {name: import_module(f"tests.strategies.{name}").scenes() for name in TYPES}
EVERY_TYPE = pytest.mark.parametrize("name", sorted(TYPES))
MODELS = ("/model", "/etc/passwd", "/etc/group", "/etc/os-release", "/proc/modules")
"""What stands for something else in a machine of memory (the kernel says of modules in two places what is one); and
what names whom, which is no drift of what is theirs."""


@EVERY_TYPE
def test_a_type_says_where_it_shows_or_why_it_does_not(name: str) -> None:
    kind = TYPES[name]
    assert kind.shows_somewhere or kind.unseen


@EVERY_TYPE
@settings(max_examples=tries(2), suppress_health_check=[HealthCheck.data_too_large])
@given(data=st.data())
def test_what_makes_it_otherwise_shows_at_one_of_its_places(name: str, data: st.DataObject) -> None:
    kind = TYPES[name]
    scene = data.draw(SCENES[name])
    host = machines.machine(scene.paths, programs.ALL)
    host.memo[MANAGED] = frozenset
    ready = kind.prepare(kind.spec.model_validate(scene.spec), machines.sources({"files/b": "from a source"}))
    if kind.skipped(host) or kind.converge(host, ready, dry_run=False).outcome is Outcome.FAILED or kind.is_act(ready):
        return
    try:
        shown = kind.shows_in(host, ready) if kind.shows_in is not None else ()
    except (ResourceFailed, HostFault):
        return
    places = [*kind.paths(ready), *shown]
    assert all(file_of(place).startswith("/") for place in places)
    if kind.unseen:
        return
    for path, other in otherwise(host):
        before = host.nodes.copy()
        apply(host, path, other)
        if differs(kind, host, ready):
            assert any(covers(place, path) for place in places), (path, places)
        host.nodes.clear()
        host.nodes.update(before)


def otherwise(host: MemoryHost) -> Iterator[tuple[str, Node | None]]:
    """Each way in which somebody could change one path."""
    for path, node in list(host.nodes.items()):
        if path == "/" or path.startswith(MODELS) or len(path.split("/")) == 2:
            continue
        if node.kind is Kind.FILE:
            yield path, None
            yield path, replace(node, data=b"theirs\n")
            yield path, replace(node, mode=node.mode ^ 0o022)
        elif node.kind is Kind.SYMLINK:
            yield path, None
            yield path, replace(node, target="/theirs")
        elif node.kind is Kind.DIRECTORY:
            yield path, replace(node, mode=node.mode ^ 0o022)
            yield f"{path}/theirs", Node(Kind.FILE, 0o644, data=b"theirs\n")


def apply(host: MemoryHost, path: str, other: Node | None) -> None:
    if other is None:
        del host.nodes[path]
    else:
        host.nodes[path] = other


def differs(kind: Any, host: MemoryHost, ready: Any) -> bool:
    host.memo.clear()
    host.memo[MANAGED] = frozenset
    try:
        return bool(kind.diff(ready, kind.check(host, ready)))
    except (ResourceFailed, HostFault, OSError, ValueError):  # a model does not understand what somebody wrote
        return False


def covers(place: str, path: str) -> bool:
    """As the watch has it: links on the way aside."""
    file = file_of(place)
    if path == file or file.startswith(f"{path}/"):
        return True
    return place.endswith("/") and path.startswith(f"{file}/")

"""Laws of an undo, for every resource type: what a run did to anything that the type can put back is undone, or said."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent import states
from agent.hosts import Host, MemoryHost
from agent.hosts.host import MANAGED
from agent.resources import TYPES
from agent.restoring import restore
from agent.undo import Changed, Undo
from schema.protocol.reports import Outcome
from tests.effort import tries
from tests.strategies import machines, programs

SCENES = {name: import_module(f"tests.strategies.{name}").scenes() for name in TYPES}
KEPT = sorted(name for name, kind in TYPES.items() if kind.kept is not None)
BY_PATHS = sorted(name for name, kind in TYPES.items() if kind.confinable and not kind.needs_network)
FEW = settings(
    max_examples=tries(3),
    suppress_health_check=[HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


def test_what_is_kept_is_of_these_types() -> None:
    assert KEPT == ["group", "nonrepo_package", "package", "user"]


def done_and_undone(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> tuple[MemoryHost, Any, list[Any]] | None:
    """A host on which a resource was converged and undone, the spec, and what became of each path; with what was there
    before. None where nothing changed."""
    kind, scene = TYPES[name], data.draw(SCENES[name])
    host = machines.machine(scene.paths, programs.ALL)
    host.memo[MANAGED] = frozenset
    ready = kind.prepare(kind.spec.model_validate(scene.spec), machines.sources({"files/b": "from a source"}))
    undo = Undo(tmp_path_factory.mktemp("state"))
    recorder = undo.begin("0197a000-0000-7000-8000-000000000000", "c" * 40, 1)
    things = [] if kind.kept is None else list(kind.kept.names(ready))
    before = [states.take(host, name, each) for each in things], dict(host.nodes)
    host.memo.clear()
    host.memo[MANAGED] = frozenset

    def through(_there: bool | None) -> Host:
        change = Changed("web/x", name, "digest")
        return recorder.through(host, change, None, touches=kind.touches(host, ready), things=things)

    if kind.skipped(host) or kind.converge(host, ready, dry_run=False, before=through).outcome is not Outcome.CHANGED:
        return None
    recorder.conclude(host)
    (record,) = undo.runs()
    host.memo.clear()
    return host, before, restore(undo, record, host)


@pytest.mark.parametrize("name", KEPT)
@FEW
@given(data=st.data())
def test_a_thing_is_what_it_was_or_that_is_said(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if (done := done_and_undone(name, data, tmp_path_factory)) is None:
        return
    host, (before, _), restored = done
    if any(each.error for each in restored):
        return
    things = [each.path.partition(" ")[2] for each in restored if not each.path.startswith("/")]
    assert things
    host.memo.clear()
    assert sorted(states.take(host, name, each) for each in things) == sorted(before)


@pytest.mark.parametrize("name", BY_PATHS)
@FEW
@given(data=st.data())
def test_a_path_is_what_it_was_or_that_is_said(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if (done := done_and_undone(name, data, tmp_path_factory)) is None:
        return
    host, (_, before), restored = done
    said = {each.path for each in restored if each.error}
    assert said <= {each.path for each in restored}
    for each in restored:
        if not any(path == each.path or each.path.startswith(f"{path}/") for path in said):
            assert plain(host.nodes.get(each.path)) == plain(before.get(each.path)), each.path


def plain(node: Any) -> Any:
    """A node without the number that only links have."""
    return None if node is None else (node.kind, node.mode, node.uid, node.gid, node.data, node.target)

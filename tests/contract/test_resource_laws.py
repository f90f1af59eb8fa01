"""Laws that hold for every resource type, whatever the machine and the spec."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.hosts import Host, Kind, MemoryHost, RealHost, posix_acl
from agent.hosts.host import MANAGED
from agent.hosts.memory import Node
from agent.resources import TYPES
from agent.resources.types import Converged
from schema.protocol.reports import Outcome
from schema.resources import RESOURCES
from tests.effort import tries
from tests.strategies import machines, programs
from tests.strategies.scenes import Contrast, Scene

STRATEGIES = {name: import_module(f"tests.strategies.{name}") for name in TYPES}
SCENES: dict[str, st.SearchStrategy[Scene]] = {name: module.scenes() for name, module in STRATEGIES.items()}
CONTRASTS: dict[str, dict[str, Contrast]] = {name: module.CONTRASTS for name, module in STRATEGIES.items()}
EVERY_TYPE = pytest.mark.parametrize("name", sorted(TYPES))
CONFINABLE = sorted(name for name, kind in TYPES.items() if kind.confinable)
FEW = settings(max_examples=tries(15), suppress_health_check=[HealthCheck.data_too_large])


def prepared(name: str, spec: dict[str, Any]) -> Any:
    kind = TYPES[name]
    return kind.prepare(kind.spec.model_validate(spec), machines.sources({"files/b": "from a source"}))


def converge(name: str, host: Host, ready: Any, *, dry_run: bool = False) -> Converged:
    """As the engine does: with nothing remembered from before."""
    host.memo.clear()
    host.memo[MANAGED] = frozenset
    result: Converged = TYPES[name].converge(host, ready, dry_run=dry_run)
    return result


def build(scene: Scene, **options: Any) -> MemoryHost:
    return machines.machine(scene.paths, programs.ALL, **options)


@EVERY_TYPE
@FEW
@given(data=st.data())
def test_check_and_dry_run_never_write(name: str, data: st.DataObject) -> None:
    scene = data.draw(SCENES[name])
    host = build(scene)
    before = dict(host.nodes)
    result = converge(name, host, prepared(name, scene.spec), dry_run=True)
    assert (host.writes, host.nodes) == (0, before)
    assert result.changed == (result.outcome is Outcome.CHANGED)
    guards = {"/bin/sh"} if name == "exec" else set()
    assert all(programs.is_read(run) or run[0] in guards for run in host.runs)


@EVERY_TYPE
@FEW
@given(data=st.data())
def test_converge_reaches_the_spec_and_a_second_call_writes_nothing(name: str, data: st.DataObject) -> None:
    scene = data.draw(SCENES[name])
    host = build(scene)
    ready = prepared(name, scene.spec)
    shown = converge(name, host, ready, dry_run=True)
    first = converge(name, host, ready)
    if first.outcome is Outcome.FAILED:
        assert first.error
        return
    assert (shown.outcome, shown.action, shown.diff) == (first.outcome, first.action, first.diff)
    writes = host.writes
    assert (writes > 0) == (first.outcome is Outcome.CHANGED)
    again = converge(name, host, ready)
    assert (again.outcome, again.diff, host.writes) == (Outcome.UNCHANGED, "", writes)


@EVERY_TYPE
@FEW
@given(data=st.data())
def test_an_apply_that_failed_at_any_write_is_finished_by_the_next(name: str, data: st.DataObject) -> None:
    scene = data.draw(SCENES[name])
    ready = prepared(name, scene.spec)
    clean = build(scene)
    if converge(name, clean, ready).outcome is Outcome.FAILED:
        return
    for number in range(clean.writes):
        host = build(scene, fail_at=number)
        # Where a program failed at the write there may be another: dnf has two ways to an older version.
        assert converge(name, host, ready).outcome is Outcome.FAILED or not TYPES[name].confinable
        assert converge(name, host, ready).outcome is not Outcome.FAILED
        assert converge(name, host, ready).outcome is Outcome.UNCHANGED
        if TYPES[name].confinable:
            # What works through paths alone leaves exactly what it would have left at once.
            assert host.nodes == clean.nodes


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name, kind in sorted(RESOURCES.items()) for field in kind.model_fields]
)
def test_every_field_of_a_spec_can_cause_a_change(name: str, field: str) -> None:
    contrast = CONTRASTS[name][field]
    ends = []
    for spec in (contrast.one, contrast.other):
        host = Noting(programs.ALL)
        host.nodes.update(machines.machine(contrast.paths, programs.ALL).nodes)
        result = converge(name, host, prepared(name, spec))
        again = converge(name, host, prepared(name, spec), dry_run=True)
        ends.append((result, again, host.nodes, host.asked))
    assert ends[0] != ends[1]


@EVERY_TYPE
def test_a_spec_is_frozen_and_closed(name: str) -> None:
    kind = RESOURCES[name]
    spec = next(iter(CONTRASTS[name].values())).one
    made = kind.model_validate(spec)
    with pytest.raises(ValidationError, match="frozen"):
        setattr(made, kind.IDENTITY, "other")
    with pytest.raises(ValidationError, match="Extra inputs"):
        kind.model_validate({**spec, "no_such_key": 1})
    assert kind.OWNS is None or kind.IDENTITY in kind.model_fields


@EVERY_TYPE
def test_a_type_that_cannot_be_confined_says_so_and_runs_nothing(name: str) -> None:
    host = machines.machine({}, programs.ALL, confined=True)
    reason = TYPES[name].skipped(host)
    assert (reason is None) == TYPES[name].confinable
    assert host.runs == []


@pytest.mark.parametrize("name", CONFINABLE)
@settings(FEW, max_examples=tries(10))
@given(data=st.data())
def test_a_real_directory_comes_out_as_the_machine_of_memory_says(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scene = data.draw(SCENES[name])
    privileged = os.geteuid() == 0
    root = tmp_path_factory.mktemp("root")
    memory = build(scene, confined=True, privileged=privileged)
    if not privileged:
        for path, node in memory.nodes.items():
            # All is its own, and it can enter its own directories.
            mode = node.mode | (0o700 if node.kind is Kind.DIRECTORY else 0)
            memory.nodes[path] = replace(node, mode=mode, uid=0, gid=0, attributes=_unprivileged(node, mode))
    plant(root, memory)
    real = RealHost(root)
    ready = prepared(name, scene.spec if privileged or name != "directory" else enterable(scene.spec))
    for dry_run in (True, False, False):
        expected = converge(name, memory, ready, dry_run=dry_run)
        observed = converge(name, real, ready, dry_run=dry_run)
        assert observed._replace(error="", diff="") == expected._replace(error="", diff="")
        assert bool(observed.error) == bool(expected.error)
        if expected.outcome is not Outcome.FAILED:
            assert observed.diff == expected.diff
    real.sync_pending()
    real.close()
    assert tree(root, owners=privileged) == {
        path: (node.kind, node.mode if node.kind is not Kind.SYMLINK else 0, node.data, node.target)
        + ((node.uid, node.gid) if privileged and node.kind is not Kind.SYMLINK else ())
        for path, node in memory.nodes.items()
        if path != "/" and node.kind is not Kind.OTHER
    }


class Noting(MemoryHost):
    """Notes all that it is asked to run with."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.asked: list[Any] = []

    def run(self, argv: Any, **options: Any) -> Any:
        self.asked.append((list(argv), options))
        return super().run(argv, **options)


def _unprivileged(node: Node, mode: int) -> dict[str, bytes]:
    """What an ordinary user can give: no capabilities, and a list that says what the mode says."""
    held = {name: value for name, value in node.attributes.items() if not name.startswith("security.")}
    if listed := held.get(posix_acl.ACCESS):
        held[posix_acl.ACCESS] = posix_acl.dump(posix_acl.with_mode(posix_acl.parse(listed), mode))
    return held


def enterable(spec: dict[str, Any]) -> dict[str, Any]:
    """Its owner can enter each directory, which an ordinary user, unlike root, must."""
    modes = {field: f"{int(spec[field], 8) | 0o700:04o}" for field in ("mode", "dir_mode") if spec.get(field)}
    return {**spec, **modes}


def plant(root: Path, memory: MemoryHost) -> None:
    """The same paths in a real directory."""
    names: dict[int, Path] = {}
    for path, node in sorted(memory.nodes.items()):
        real = root / path[1:]
        if path == "/":
            continue
        if node.inode in names:
            real.hardlink_to(names[node.inode])
            continue
        if node.inode:
            names[node.inode] = real
        if node.kind is Kind.DIRECTORY:
            real.mkdir()
        elif node.kind is Kind.SYMLINK:
            real.symlink_to(node.target)
            continue
        elif node.kind is Kind.OTHER:
            os.mkfifo(real)
        else:
            real.write_bytes(node.data)
        if os.geteuid() == 0:
            os.chown(real, node.uid, node.gid)
        real.chmod(node.mode)
        for attribute, value in node.attributes.items():
            if os.geteuid() == 0 or not attribute.startswith("security."):
                os.setxattr(real, attribute, value)


def tree(root: Path, *, owners: bool) -> dict[str, Any]:
    """What is in a real directory, as `MemoryHost` would hold it."""
    found: dict[str, Any] = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        ids = (status.st_uid, status.st_gid) if owners else ()
        mode = stat.S_IMODE(status.st_mode)
        if path.is_symlink():
            value: tuple[Any, ...] = (Kind.SYMLINK, 0, b"", str(path.readlink()))
            ids = ()
        elif path.is_dir():
            value = (Kind.DIRECTORY, mode, b"", "")
        elif path.is_file():
            value = (Kind.FILE, mode, path.read_bytes(), "")
        else:
            continue
        found["/" + str(path.relative_to(root))] = value + ids
    return found


def test_every_field_has_a_contrast() -> None:
    assert set(TYPES) == set(RESOURCES)
    for name, kind in RESOURCES.items():
        assert set(CONTRASTS[name]) == set(kind.model_fields)

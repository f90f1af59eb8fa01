"""`vigo-agent owned`, `undo` and `release`, on a state and a root that are real."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent import regret
from agent.boundary import Verdict
from agent.clock import SystemClock
from agent.executor import LocalExecutor
from agent.hosts import RealHost
from agent.state import State
from agent.undo import Undo
from tests.factories.agents import command, enrolled
from tests.factories.gateway import Authority
from tests.factories.targets import Signer
from tests.strategies import machines, programs

FOREVER = 4_000_000_000_000_000
FILES = [
    {"name": "motd", "type": "file", "path": "/etc/motd", "content": "ours\n"},
    {"name": "new", "type": "file", "path": "/etc/new", "content": "new\n"},
]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    (made / "etc").mkdir(parents=True)
    (made / "etc/motd").write_text("before\n")
    return made


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def state(authority: Authority, signer: Signer, root: Path, tmp_path: Path) -> State:
    return enrolled(tmp_path / "state", authority, signer, gateway_url="wss://localhost:1/agent/v1", root=root)


@pytest.fixture
def accept(state: State, signer: Signer, root: Path) -> Any:
    def take(resources: Sequence[dict[str, Any]]) -> None:
        target = signer.target([signer.crate("web", resources)], expires=FOREVER).model_dump_json().encode()
        executor = LocalExecutor(state, RealHost(root), RealHost(root), clock=SystemClock())
        for digest in Verdict.model_validate_json(executor.offer(target)).need:
            executor.store(signer.objects[digest])
        assert Verdict.model_validate_json(executor.offer(target)).outcome == "accepted"
        executor.close()

    return take


def test_a_run_is_listed_undone_held_and_released(
    state: State, root: Path, accept: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    accept(FILES)
    assert run(state, "once") == 0
    capsys.readouterr()

    assert run(state, "undo") == 0
    listed = capsys.readouterr().out
    assert "web/motd, web/new" in listed
    name = listed.split()[0]

    assert run(state, "undo", name, "--dry-run") == 0
    assert "/etc/motd  would be again: a file  (web/motd)" in capsys.readouterr().out
    assert (root / "etc/motd").read_text() == "ours\n"

    assert run(state, "undo", name) == 0
    said = capsys.readouterr().out
    assert "/etc/motd  as it was before" in said
    assert "2 resources are held" in said
    assert (root / "etc/motd").read_text() == "before\n"
    assert not (root / "etc/new").exists()

    assert run(state, "once") == 1
    assert "undone by an operator; it is applied again when" in capsys.readouterr().out
    assert (root / "etc/motd").read_text() == "before\n"

    assert run(state, "owned") == 0
    assert "web/new  /etc/new  before: nothing  held: undone by an operator" in capsys.readouterr().out

    assert run(state, "release", "web/motd") == 0
    assert run(state, "once") == 1
    assert ((root / "etc/motd").read_text(), (root / "etc/new").exists()) == ("ours\n", False)
    assert run(state, "release") == 0
    assert run(state, "once") == 0
    assert (root / "etc/new").read_text() == "new\n"
    assert run(state, "release", "web/motd") == 1


def test_what_runs_follows_the_files_that_an_operator_has_put_back(state: State, accept: Any) -> None:
    rule = {"name": "ssh", "type": "firewall", "rule": "ssh", "protocol": "tcp", "ports": ["22"], "backend": "nftables"}
    accept([rule])
    host = machines.machine({"/etc/nftables.conf": "flush ruleset\n"}, programs.ALL)
    with closing(LocalExecutor(state, host, host, clock=SystemClock())) as executor:
        executor.converge(b"apply")
        assert "table inet vigo" in host.run(["nft", "list", "tables", "inet"]).text
        (record,) = Undo(state.path).runs()
        options = argparse.Namespace(run=record.run, force=False, json=True)
        assert regret.undo(options, state, executor) == 0
    assert "table inet vigo" not in host.run(["nft", "list", "tables", "inet"]).text


def test_what_is_owned_is_json_too(state: State, accept: Any, capsys: pytest.CaptureFixture[str]) -> None:
    accept(FILES)
    run(state, "once")
    capsys.readouterr()
    assert run(state, "owned", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [
        {"id": "web/motd", "type": "file", "path": "/etc/motd", "on_removal": "keep", "before": "unknown", "held": ""},
        {"id": "web/new", "type": "file", "path": "/etc/new", "on_removal": "keep", "before": "absent", "held": ""},
    ]


def test_a_run_that_nobody_knows_is_said_to_be_none(
    state: State, accept: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    accept(FILES)
    assert run(state, "undo") == 0
    assert "no run that changed something" in capsys.readouterr().err
    assert run(state, "undo", "0197") != 0
    assert "no run 0197" in capsys.readouterr().err


def test_looking_changes_nothing_while_an_agent_writes(state: State, accept: Any) -> None:
    accept(FILES)
    run(state, "once")
    journal = state.path / "journal.jsonl"
    torn = journal.read_bytes() + b'{"e":"half'
    journal.write_bytes(torn)
    with state.lock():
        assert run(state, "owned") == 0
        assert run(state, "undo") == 0
    assert journal.read_bytes() == torn


def run(state: State, *words: str) -> int:
    return command([words[0], "--state", str(state.path), *words[1:]])

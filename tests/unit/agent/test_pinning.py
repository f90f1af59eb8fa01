"""Pinning: what is written, what is read when it is damaged, and that the agent says so to server and people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent import effects as fx
from agent import pinning
from agent.boundary import Standing
from agent.core import Core
from agent.state import State
from schema.protocol.messages import APPROVAL, Hello
from tests.factories.agents import command, enrolled
from tests.factories.gateway import Authority
from tests.factories.targets import Signer


def test_a_pin_is_read_back_and_one_that_is_damaged_counts(tmp_path: Path) -> None:
    state = State.open(tmp_path / "state")
    assert not pinning.read(state)
    pinning.write(state, pinned=True)
    assert pinning.read(state)
    assert oct(state.file("pin.json").stat().st_mode)[-3:] == "600"
    for damaged in (b"", b"{", b'{"require_approval": 7}', b"\xff", b"{}"):
        state.file("pin.json").write_bytes(damaged)
        assert pinning.read(state), damaged
    pinning.write(state, pinned=False)
    assert not pinning.read(state)


def test_only_a_pinned_agent_asks_for_approvals() -> None:
    for pinned in (False, True):
        core = Core(random=lambda: 0.5, version="1")
        core.handle(fx.Started(Standing(pinned=pinned)), 0.0)
        (sent,) = [each for each in core.handle(fx.Connected(), 1.0) if isinstance(each, fx.Send)]
        assert (APPROVAL in Hello.model_validate_json(sent.text).capabilities) is pinned


def test_a_host_is_pinned_and_let_go_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "root").mkdir()
    state = enrolled(
        tmp_path / "state", Authority(), Signer(), gateway_url="wss://127.0.0.1:1/agent/v1", root=tmp_path / "root"
    )
    for words, pinned in ((["pin"], True), (["pin"], True), (["pin", "--off"], False), (["pin", "--off"], False)):
        assert command([*words, "--state", str(state.path)]) == 0
        capsys.readouterr()
        assert command(["status", "--json", "--state", str(state.path)]) == 0
        assert json.loads(capsys.readouterr().out)["pinned"] is pinned
        assert command(["status", "--state", str(state.path)]) == 0
        assert ("to approved plans" in capsys.readouterr().out) is pinned
    # While the agent runs it would not know.
    with state.lock():
        assert command(["pin", "--state", str(state.path)]) == 3
    assert command(["pin", "--state", str(tmp_path / "nowhere")]) == 2


def test_a_pin_outlives_another_identity(tmp_path: Path) -> None:
    state = enrolled(tmp_path / "state", Authority(), Signer(), gateway_url="wss://127.0.0.1:1/agent/v1", root=tmp_path)
    pinning.write(state, pinned=True)
    again = enrolled(tmp_path / "state", Authority(), Signer(), gateway_url="wss://127.0.0.1:1/agent/v1", root=tmp_path)
    assert pinning.read(again)

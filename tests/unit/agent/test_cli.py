"""`vigo-agent` as people and service managers meet it: real processes, exit codes, output, signals."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import VERSION
from agent.state import State
from schema.protocol.reports import Trigger
from tests.factories.agents import HOSTNAME, command, enrolled
from tests.factories.gateway import Api, Authority, Gateway
from tests.factories.targets import Signer

FOREVER = 4_000_000_000_000_000
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def gateway(authority: Authority, signer: Signer, tmp_path: Path) -> Iterator[Gateway]:
    made = Gateway(authority, signer, tmp_path)
    yield made
    made.close()


@pytest.fixture
def api(authority: Authority, signer: Signer, gateway: Gateway, tmp_path: Path) -> Iterator[Api]:
    (tmp_path / "api").mkdir()
    made = Api(authority, signer, tmp_path / "api", gateway_url=gateway.url, hostname=HOSTNAME)
    yield made
    made.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    (made / "etc").mkdir(parents=True)
    return made


@pytest.fixture
def state(authority: Authority, signer: Signer, gateway: Gateway, root: Path, tmp_path: Path) -> State:
    return enrolled(tmp_path / "state", authority, signer, gateway_url=gateway.url, root=root)


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    begun: list[subprocess.Popen[str]] = []
    yield begun
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=60)


def process(*arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "agent", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        **options,
    )


def motd(signer: Signer, text: str, generation: int = 1) -> Any:
    crate = signer.crate("base", [{"name": "motd", "type": "file", "path": "/etc/motd", "content": text}])
    return signer.target([crate], generation=generation, expires=FOREVER)


def fetched(state: State, gateway: Gateway, target: Any) -> None:
    """The state after the server has been heard."""
    gateway.target = target
    assert command(["once", "--fetch", "--state", str(state.path)]) == 0


def widest(columns: str) -> int:
    """Of the lines of help, with this in `COLUMNS`."""
    argv = [sys.executable, "-m", "agent", "--help"]
    done = subprocess.run(argv, cwd=ROOT, env={**os.environ, "COLUMNS": columns}, capture_output=True, check=True)
    return max(len(line) for line in done.stdout.decode().splitlines())


def test_help_is_as_wide_as_it_is_asked_to_be() -> None:
    assert widest("50") <= 48
    assert widest("1") <= 48, "what argparse takes for the least"
    assert widest("80") == widest("not a number") == widest("0") == widest("٣") <= 78


def test_without_an_identity_every_command_but_enrol_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["run"], ["once"], ["dry-run"], ["status"], ["status", "--json"]):
        assert command([*words, "--state", str(tmp_path / "none")]) == 2
        assert "enrol" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("words", [[], ["nonsense"], ["once", "--nonsense"], ["enrol"]])
def test_wrong_use_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command(words)
    assert caught.value.code == 2
    assert "usage: vigo-agent" in capsys.readouterr().err


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"vigo-agent {VERSION}\n"


def test_the_version_is_the_distributions() -> None:
    assert f'version = "{VERSION}"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("way", ["argument", "file", "variable", "input"])
def test_a_token_comes_by_any_of_four_ways(
    api: Api,
    tmp_path: Path,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    root: Path,
) -> None:
    words = ["enrol", "--server", api.url, "--state", str(tmp_path / "fresh"), "--root", str(root)]
    token = f"{api.token}\n"
    if way == "argument":
        words += ["--token", str(api.token)]
    elif way == "file":
        (tmp_path / "token").write_text(token)
        words += ["--token-file", str(tmp_path / "token")]
    elif way == "variable":
        monkeypatch.setenv("VIGO_TOKEN", token)
    else:
        monkeypatch.setattr(sys, "stdin", io.StringIO(token))
        words += ["--token", "-"]
    assert command(words) == 0
    said = capsys.readouterr()
    assert f"enrolled as {HOSTNAME}" in said.out
    assert api.token.secret not in said.out + said.err
    assert "VIGO_TOKEN" not in os.environ
    assert State.open(tmp_path / "fresh").identity().root == str(root)


def test_enrolling_twice_is_a_conflict_and_a_bad_token_is_wrong_use(
    api: Api, state: State, capsys: pytest.CaptureFixture[str], root: Path, tmp_path: Path
) -> None:
    words = ["enrol", "--server", api.url, "--root", str(root), "--token"]
    assert command([*words, str(api.token), "--state", str(state.path)]) == 3
    assert "--replace" in capsys.readouterr().err
    assert command([*words, "nonsense", "--state", str(tmp_path / "fresh")]) == 2
    assert command([*words[:-1], "--state", str(tmp_path / "fresh")]) == 2
    api.used = True
    assert command([*words, str(api.token), "--state", str(tmp_path / "fresh")]) == 1
    assert "the token is not valid" in capsys.readouterr().err


def test_a_root_that_is_not_there_is_named_and_costs_no_token(
    api: Api, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    missing = tmp_path / "missing"
    words = ["enrol", "--server", api.url, "--root", str(missing), "--token", str(api.token)]
    assert command([*words, "--state", str(tmp_path / "fresh")]) == 2
    assert f"{missing} is not a directory" in capsys.readouterr().err
    assert not api.used


def test_once_before_any_target_is_an_error(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["once", "--state", str(state.path)]) == 1
    assert "no target was accepted yet" in capsys.readouterr().err


def test_once_with_fetch_takes_the_newest_converges_and_reports(
    state: State, gateway: Gateway, signer: Signer, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched(state, gateway, motd(signer, "hello\n"))
    assert (root / "etc/motd").read_text() == "hello\n"
    out = capsys.readouterr().out
    assert HOSTNAME in out
    assert "base/motd  create  configcrates/base.vgo:1" in out
    assert "1 changed" in out
    assert [report.trigger for report in gateway.reports] == [Trigger.ONCE]


UNWANTED_ONCE = {
    *("asyncio", "websockets", "http.client", "ssl", "socket", "socketserver", "inotify_simple", "pygit2"),
    *("shutil", "bz2", "lzma", "tempfile", "subprocess", "html", "email", "zipfile"),
    *("cryptography.x509", "cryptography.hazmat.primitives.serialization"),
    *("agent.boundary", "agent.executor", "agent.traits", "schema.protocol.messages", "schema.protocol.artifacts"),
    *("schema.expressions.renderer", "schema.expressions.nodes", "schema.traits"),
}
"""Each costs a millisecond or more of the 200 that a run of a thousand files takes as a process of its own."""


def test_once_works_without_the_server_and_without_network_modules(
    state: State, gateway: Gateway, signer: Signer, root: Path
) -> None:
    fetched(state, gateway, motd(signer, "hello\n"))
    gateway.stop()
    (root / "etc/motd").write_text("damaged")
    script = (
        "import sys; from agent.cli import command; code = command(sys.argv[1:]);"
        f"loaded = {UNWANTED_ONCE} & set(sys.modules);"
        "print(sorted(loaded), file=sys.stderr); sys.exit(code)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, "once", "--json", "--state", str(state.path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.strip() == "[]"
    assert json.loads(ran.stdout)["resources"][0]["outcome"] == "changed"
    assert (root / "etc/motd").read_text() == "hello\n"
    assert command(["status", "--state", str(state.path)]) == 0
    gateway.start()
    fetched(state, gateway, gateway.target)
    assert len(gateway.reports) == 3


def test_a_failed_resource_ends_with_1(
    state: State, gateway: Gateway, signer: Signer, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "etc/motd").mkdir()
    gateway.target = motd(signer, "hello")
    assert command(["once", "--fetch", "--state", str(state.path)]) == 1
    out = capsys.readouterr().out
    assert "failed   base/motd" in out
    assert "1 failed" in out


def test_fetching_from_a_server_that_is_away_still_converges_and_ends_with_1(
    state: State, gateway: Gateway, signer: Signer, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched(state, gateway, motd(signer, "hello"))
    gateway.stop()
    (root / "etc/motd").write_text("damaged")
    monkeypatch.setattr("agent.cli.FETCH_TIMEOUT_S", 0.3)
    assert command(["once", "--fetch", "--state", str(state.path)]) == 1
    assert (root / "etc/motd").read_text() == "hello"


def test_a_dry_run_says_what_would_change_and_changes_nothing(
    state: State, gateway: Gateway, signer: Signer, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched(state, gateway, motd(signer, "new\n"))
    (root / "etc/motd").write_text("old\n")
    before = sorted((path, path.stat().st_mtime_ns) for path in state.path.rglob("*") if path.name != "lock")
    capsys.readouterr()
    assert command(["dry-run", "--state", str(state.path)]) == 0
    out = capsys.readouterr().out
    assert "1 would change" in out
    assert "-old" in out
    assert "+new" in out
    assert (root / "etc/motd").read_text() == "old\n"
    assert sorted((path, path.stat().st_mtime_ns) for path in state.path.rglob("*") if path.name != "lock") == before


def test_another_root_than_the_enrolled_one_is_refused(
    state: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["once"], ["run"], ["dry-run"], ["status"]):
        assert command([*words, "--state", str(state.path), "--root", "/"]) == 2
        assert "enrolled for" in capsys.readouterr().err


def test_status_says_how_it_stands(
    state: State, gateway: Gateway, signer: Signer, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["status", "--state", str(state.path)]) == 0
    out = capsys.readouterr().out
    assert f"host        {HOSTNAME}" in out
    assert "agent       does not run" in out
    assert "in force    nothing yet" in out
    fetched(state, gateway, motd(signer, "hello", 7))
    capsys.readouterr()
    assert command(["status", "--json", "--root", str(root), "--state", str(state.path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["assignment"]["generation"] == 7
    assert found["pid"] is None
    assert found["spooled_reports"] == 0
    assert (found["last_run"]["changed"], found["last_run"]["failed"]) == (1, 0)
    assert found["last_run"]["report"]["status"] == "converged"
    assert found["last_run"]["report"]["resources"][0]["id"] == "base/motd"
    assert found["unconfirmed"] is False
    run = found["last_run"]["report"]["id"]
    (state.path / "undo" / run / "unconfirmed").write_bytes(
        b"1"
    )  # as a run leaves it that changed what could cut the host off
    assert command(["status", "--state", str(state.path)]) == 0
    assert "            it waits to be confirmed: put back if " in capsys.readouterr().out


def test_what_the_server_said_cannot_move_the_cursor(
    state: State, gateway: Gateway, signer: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    crate = signer.crate("base", [{"name": "x\x1b[2J\u202e", "type": "nonsense", "path": "/etc/x"}])
    gateway.target = signer.target([crate], expires=FOREVER)
    command(["once", "--fetch", "--state", str(state.path)])
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "\\x1b[2J" in said.out


def test_run_converges_repairs_ends_on_sigterm_and_keeps_others_out(
    state: State,
    gateway: Gateway,
    signer: Signer,
    root: Path,
    processes: list[subprocess.Popen[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    gateway.target = motd(signer, "hello\n")
    agent = process("run", "--state", state.path)
    processes.append(agent)
    gateway.until(lambda: gateway.reports)
    (root / "etc/motd").write_text("damaged")
    gateway.until(lambda: len(gateway.reports) == 2)
    assert (root / "etc/motd").read_text() == "hello\n"

    for words in (["run"], ["once"], ["dry-run"]):
        assert command([*words, "--state", str(state.path)]) == 3
        assert f"another agent (pid {agent.pid})" in capsys.readouterr().err
    assert command(["status", "--state", str(state.path)]) == 0
    out = capsys.readouterr().out
    assert f"runs, pid {agent.pid}" in out
    assert "connected since" in out

    agent.send_signal(signal.SIGTERM)
    _, err = agent.communicate(timeout=60)
    assert agent.returncode == 0, err
    assert err.splitlines()[-1] == "info agent: ended"
    assert "Traceback" not in err


def test_killed_at_any_moment_it_loses_no_report_and_repeats_none(
    state: State, gateway: Gateway, signer: Signer, root: Path, processes: list[subprocess.Popen[str]]
) -> None:
    for generation in range(1, 5):
        gateway.publish(motd(signer, f"generation {generation}", generation))
        agent = process("run", "--state", state.path)
        processes.append(agent)
        gateway.until(lambda wanted=generation: len(gateway.hellos) >= wanted)
        time.sleep(0.01 * generation**2)
        agent.kill()
        agent.communicate(timeout=60)
    last = process("run", "--state", state.path)
    processes.append(last)
    gateway.until(lambda: gateway.reports and gateway.reports[-1].generation == 4)
    assert (root / "etc/motd").read_text() == "generation 4"
    orders = [(report.generation, report.started) for report in gateway.reports]
    assert orders == sorted(orders)
    assert len({report.id for report in gateway.reports}) == len(gateway.reports)
    gateway.until(lambda: not list(state.file("spool").glob("*.json")))


def test_a_state_that_others_may_write_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "open").mkdir(mode=0o700)
    (tmp_path / "open").chmod(0o777)
    assert command(["status", "--state", str(tmp_path / "open")]) == 2
    assert "may be written by others" in capsys.readouterr().err

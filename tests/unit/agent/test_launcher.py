"""The launcher: it starts what is in force, counts what is on trial, and goes back. Versions here are scripts."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from agent import service_files
from agent.installation import Installation
from agent.updating import MAX_STARTS

GOOD = 'echo "good $*" >>"$VIGO_AGENT_HOME/said"'
CRASHES = 'echo crash >>"$VIGO_AGENT_HOME/said"; exit 7'
CHECKS_IN = 'rm "$VIGO_AGENT_HOME/trial"; echo in >>"$VIGO_AGENT_HOME/said"; exit 4'
HANGS = 'echo hangs >>"$VIGO_AGENT_HOME/said"; exec sleep 600'
WAITS = 'trap "exit 0" TERM; touch "$VIGO_AGENT_HOME/waits"; while :; do sleep 0.1; done'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An installation with a good version in force."""
    home = tmp_path / "home"
    home.mkdir()
    launch = home / "launch"
    launch.write_text(service_files.launcher(str(home)))
    launch.chmod(0o755)
    version(home, "1.0.0-good", GOOD)
    Installation(home).put_in_force("1.0.0-good", 1, trial=False)
    return home


def version(home: Path, name: str, does: str) -> None:
    place = home / "versions" / name
    place.mkdir(parents=True)
    (place / "vigo-agent").write_text(f"#!/bin/sh\n{does}\n")
    (place / "vigo-agent").chmod(0o755)


def on_trial(home: Path, does: str) -> None:
    version(home, "2.0.0-new", does)
    Installation(home).put_in_force("2.0.0-new", 2, trial=True)


def launch(home: Path, *words: str, window_s: int = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(home / "launch"), *words], capture_output=True, text=True, timeout=60,
        env={"PATH": os.environ["PATH"], "VIGO_AGENT_WINDOW_S": str(window_s)},
    )  # fmt: skip


def said(home: Path) -> list[str]:
    return (home / "said").read_text().splitlines()


def test_it_becomes_what_is_in_force_with_the_words_that_it_was_given(home: Path) -> None:
    assert launch(home, "run", "--state", "/a b").returncode == 0
    assert said(home) == ["good run --state /a b"]


def test_what_ends_before_it_has_checked_in_is_started_so_often_and_then_taken_back(home: Path) -> None:
    on_trial(home, CRASHES)
    done = launch(home, "run")
    assert done.returncode == 0
    assert said(home) == ["crash"] * MAX_STARTS + ["good run"]
    progress = Installation(home).progress()
    assert (progress.current, progress.returned, progress.starts, progress.floor) == (
        "1.0.0-good", "2.0.0-new", None, 2,
    )  # fmt: skip


def test_other_commands_do_not_count_as_starts(home: Path) -> None:
    on_trial(home, CRASHES)
    assert launch(home, "status").returncode == 7
    assert Installation(home).progress().starts == 0


def test_what_has_checked_in_stays_and_its_exit_code_is_told(home: Path) -> None:
    on_trial(home, CHECKS_IN)
    assert launch(home, "run").returncode == 4
    assert said(home) == ["in"]
    progress = Installation(home).progress()
    assert (progress.current, progress.previous, progress.on_trial) == ("2.0.0-new", "1.0.0-good", False)


def test_what_hangs_is_ended_after_the_window_and_taken_back(home: Path) -> None:
    on_trial(home, HANGS)
    done = launch(home, "run", window_s=1)
    assert done.returncode == 0
    assert said(home) == ["hangs", "good run"]
    assert "has not greeted it within 1 s" in done.stderr


def test_a_host_that_is_shut_down_meanwhile_is_no_failure_of_the_version(home: Path) -> None:
    on_trial(home, WAITS)
    running = subprocess.Popen([str(home / "launch"), "run"], start_new_session=True)
    try:
        deadline = time.monotonic() + 30
        while not (home / "waits").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        running.terminate()
        assert running.wait(30) == 0
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
    assert Installation(home).progress().starts == 0


def test_a_damaged_count_is_as_one_too_many(home: Path) -> None:
    on_trial(home, CRASHES)
    (home / "trial").write_text("x\n")
    launch(home, "run")
    assert said(home) == ["good run"]


def test_with_nothing_to_go_back_to_it_goes_on_with_what_there_is(home: Path) -> None:
    on_trial(home, CRASHES)
    (home / "previous").unlink()
    assert launch(home, "run").returncode == 7
    assert Installation(home).progress().current == "2.0.0-new"


def test_keep_ends_with_an_agent_that_is_not_enrolled(home: Path) -> None:
    version(home, "3.0.0-idle", "exit 2")
    Installation(home).put_in_force("3.0.0-idle", 3, trial=False)
    assert launch(home, "keep", "run").returncode == 2


@pytest.mark.parametrize("path", ["relative", "/a b", "/a;b", "/a$b", "/a\nb", "/a'b", "/a%b", "/a*"])
def test_a_path_that_a_shell_reads_otherwise_is_refused(path: str) -> None:
    for write in (service_files.launcher, service_files.openrc_script, service_files.sysvinit_script):
        with pytest.raises(ValueError, match="no absolute path"):
            write(path)


@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
def test_the_scripts_are_shell(shell: str) -> None:
    if subprocess.run(["sh", "-c", f"command -v {shell}"], capture_output=True).returncode:
        pytest.skip(f"no {shell} here")
    for text in (service_files.launcher("/opt/vigo-agent"), service_files.sysvinit_script("/opt/vigo-agent/launch")):
        assert subprocess.run([shell, "-n"], input=text, text=True).returncode == 0


def test_sysvinits_script_starts_keeps_and_stops_the_agent(home: Path) -> None:
    version(home, "3.0.0-waits", WAITS)
    Installation(home).put_in_force("3.0.0-waits", 3, trial=False)
    script = home / "init"
    script.write_text(service_files.sysvinit_script(f"{home}/launch"))
    env = {"PATH": os.environ["PATH"], "VIGO_AGENT_PIDFILE": f"{home}/pid", "VIGO_AGENT_LOG": f"{home}/log"}

    def call(word: str) -> int:
        return subprocess.run(["sh", str(script), word], env=env, timeout=60, capture_output=True).returncode

    assert call("status") == 3
    assert call("start") == 0
    try:
        deadline = time.monotonic() + 30
        while not (home / "waits").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert call("status") == 0
        pid = (home / "pid").read_text()
        assert call("start") == 0
        assert (home / "pid").read_text() == pid
    finally:
        assert call("stop") == 0
    assert call("status") == 3

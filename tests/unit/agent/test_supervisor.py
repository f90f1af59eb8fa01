"""The supervisor ends as its executor ended, begins anew when that is asked for, and takes its children with it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_SCRIPT = """
import logging, os, signal, sys, time
from pathlib import Path
from agent import supervisor
from agent.separation import Ids
mark = Path(sys.argv[1])
def be(end, parent):
    with mark.open("a") as file:
        file.write(f"{os.getpid()} ")
    %s
sys.exit(supervisor.run(Ids(os.getuid(), os.getgid(), "nobody"), be))
"""


def supervised(tmp_path: Path, executor: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _SCRIPT % executor, str(tmp_path / "mark")], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(
    ("executor", "code"),
    [("return 0", 0), ("return 3", 3), ("os.kill(os.getpid(), 9)", 1), ("1 / 0", 1)],
)
def test_it_ends_as_its_executor_ended(tmp_path: Path, executor: str, code: int) -> None:
    process = supervised(tmp_path, executor)
    assert process.communicate(timeout=30)[1].count("Traceback") == (executor == "1 / 0")
    assert process.returncode == code
    assert len((tmp_path / "mark").read_text().split()) == 1


def test_an_executor_that_wants_to_begin_anew_does(tmp_path: Path) -> None:
    process = supervised(tmp_path, "return 75 if len(mark.read_text().split()) < 2 else 0")
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(set((tmp_path / "mark").read_text().split())) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_its_executor_does_not_outlive_it(tmp_path: Path, number: signal.Signals) -> None:
    process = supervised(tmp_path, "from agent import confinement; confinement.end_with(parent); time.sleep(60)")
    mark = tmp_path / "mark"
    deadline = time.monotonic() + 30
    while not (mark.exists() and mark.read_text().endswith(" ")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    executor = int(mark.read_text())
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == (0 if number is signal.SIGTERM else -number)
    while _runs(executor):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False

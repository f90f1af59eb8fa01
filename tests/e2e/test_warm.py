"""A process that is forked says what an executed one says, and ends as that does; all other stories lean on it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import warm
from tests.e2e.site import ROOT


@pytest.mark.parametrize(
    "arguments", [("secrets", "list"), ("validate", "."), ("validate", "--nonsense")], ids=" ".join
)
def test_a_forked_command_says_and_ends_as_an_executed_one(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "COLUMNS": "200"}
    forked = warm.run("api", *arguments, cwd=tmp_path, env=environment, timeout=60)
    executed = subprocess.run(
        [sys.executable, "-m", "api", *arguments],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert executed.returncode != 0
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        executed.returncode,
        executed.stdout,
        executed.stderr,
    )


def test_it_is_a_session_of_its_own_and_a_signal_ends_it(tmp_path: Path) -> None:
    end, other = os.pipe()
    with (tmp_path / "log").open("wb") as log:
        process = warm.Warm(
            "api", ["lsp", "--stdio"], stdin=end, stdout=log.fileno(), stderr=log.fileno(), cwd=ROOT, env=os.environ
        )
    os.close(end)
    assert process.poll() is None
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(30) == process.poll() == -signal.SIGKILL
    os.close(other)

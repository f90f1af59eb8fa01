"""`vigo demo --exit`: the whole way, from a commit to a converged fleet of three, in real processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEPS = 9
TIMEOUT_S = 120


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Everything the demo makes lies below the test's own directory."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VIGO_")}
    return kept | {"TMPDIR": str(tmp_path), "NO_COLOR": "1"}


def processes_below(folder: Path) -> list[str]:
    """Command lines of processes that name a directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


def test_every_step_holds_and_nothing_is_left_behind(environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "api", "demo", "--exit"],
        env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, cwd=ROOT,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"^ ?(\d+) [A-Z]", done.stdout, flags=re.M) == [str(n) for n in range(1, STEPS + 1)]
    assert re.search(r"commit → all of them converged: \d+ ms", done.stdout)
    assert "\x1b" not in done.stdout
    assert list(tmp_path.glob("vigo-demo-*")) == []
    assert processes_below(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ended_in_the_middle_it_takes_everything_away(
    environment: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "api", "demo"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    try:
        deadline = time.monotonic() + 60
        while not any("serve" in line for line in processes_below(tmp_path)):
            assert demo.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)

        demo.send_signal(number)
        demo.communicate(timeout=30)
    finally:
        demo.kill()

    assert list(tmp_path.glob("vigo-demo-*")) == []
    assert processes_below(tmp_path) == []


def test_a_step_that_does_not_hold_ends_1_and_shows_the_logs(environment: dict[str, str], tmp_path: Path) -> None:
    # The agents' directory cannot be made, so enrolling fails.
    script = (
        "import sys\nfrom api.cli.demo import story\n"
        "story.PATIENCE_S = 2.0\nstory.SCENARIO = story.SCENARIO._replace(hosts=('nobody.example.org',) * 3)\n"
        "from api.cli.main import main\nmain(['demo', '--exit'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, cwd=ROOT,
    )  # fmt: skip

    assert done.returncode == 1, done.stdout + done.stderr
    assert "✗" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert list(tmp_path.glob("vigo-demo-*")) == []
    assert processes_below(tmp_path) == []

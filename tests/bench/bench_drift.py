"""Drift of a watched file, from the write that makes it to the file being right again: a whole running agent.

The agent is a process with its watch, core, executor and a server on loopback; what drifts is told by the kernel. Its
patience with what drifts again and again is switched off, for 200 times in a row is what it is patient with.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tests.bench import agents, peer_files
from tests.bench.figures import Figure
from tests.factories.agents import enrolled
from tests.factories.gateway import Authority, Gateway
from tests.factories.targets import Signer

SAMPLES: Final = 200
COUNTS: Final = (1, 1_000)
SETTLED_S: Final = 3.0
PATIENCE: Final = "; ".join(
    (
        "import sys",
        "from agent import fights, schedule",
        "schedule.FREE_REPAIRS = fights.FREE_REPAIRS = 10**9",
        "from agent.cli import main",
        "main(sys.argv[1:])",
    )
)


def run() -> Iterable[Figure]:
    for count in COUNTS:
        with tempfile.TemporaryDirectory(prefix="vigo-bench-") as name:
            yield from _figures(Path(name), count)


def _figures(place: Path, count: int) -> Iterator[Figure]:
    signer, authority = Signer(), Authority()
    gateway = Gateway(authority, signer, place)
    managed = place / "managed"
    gateway.target = signer.target([signer.crate("files", peer_files.vigo(managed, count))], expires=agents.FOREVER)
    state = enrolled(place / "state", authority, signer, gateway_url=gateway.url, root=Path("/"))
    managed.mkdir()
    agent = subprocess.Popen(
        [sys.executable, "-c", PATIENCE, "run", "--state", str(state.path)],
        cwd=agents.ROOT,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=agents.environment(place),
    )
    try:
        gateway.until(lambda: gateway.reports and gateway.traits, timeout_s=60.0)
        time.sleep(SETTLED_S)
        argv = [sys.executable, "-m", "tests.bench.drifting", str(managed), str(count), str(SAMPLES)]
        done = subprocess.run(argv, cwd=agents.ROOT, capture_output=True, check=True, timeout=600)
        taken = sorted(json.loads(done.stdout))
    finally:
        agent.terminate()
        agent.wait(10)
        gateway.close()
    yield Figure(
        name=f"drift of one file of {count}, seen and repaired: p99 of {SAMPLES}",
        value=taken[int(0.99 * SAMPLES) - 1] * 1e3,
        unit="ms",
        target=250.0,
        note=f"median {statistics.median(taken) * 1e3:.0f} ms, worst {taken[-1] * 1e3:.0f} ms",
    )

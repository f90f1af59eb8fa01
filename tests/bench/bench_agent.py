"""An agent at rest that keeps 1,000 files: the memory of its processes, and the processor time they take doing nothing.

As root the agent is two processes under a supervisor, else it is one, and the figures are of that. Memory is
proportional (`/proc/PID/smaps_rollup`): a page that three processes share counts a third for each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tests.bench.figures import Figure
from tests.factories.agents import enrolled
from tests.factories.gateway import Authority, Gateway
from tests.factories.targets import Signer

ROOT = Path(__file__).parents[2]
FILES = 1_000
SETTLED_S = 12.0
REST_S = 30.0
FOREVER = 4_000_000_000_000_000
TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1024.0


def run() -> Iterable[Figure]:
    with tempfile.TemporaryDirectory(prefix="vigo-bench-") as place:
        yield from _figures(Path(place))


def _figures(place: Path) -> Iterable[Figure]:
    signer = Signer()
    authority = Authority()
    gateway = Gateway(authority, signer, place)
    managed = place / "managed"
    files = [
        {
            "name": f"f{number}",
            "type": "file",
            "path": f"{managed}/{number // 100}/{number}",
            "content": "x" * 500 + f"{number}\n",
            "mode": "0644",
            "owner": "root" if os.geteuid() == 0 else str(os.geteuid()),
        }
        for number in range(FILES)
    ]
    folders = [{"name": f"d{n}", "type": "directory", "path": f"{managed}/{n}"} for n in range(FILES // 100)]
    gateway.target = signer.target([signer.crate("files", [*folders, *files])], expires=FOREVER)
    state = enrolled(place / "state", authority, signer, gateway_url=gateway.url, root=Path("/"))
    agent = subprocess.Popen(
        [sys.executable, "-m", "agent", "run", "--state", str(state.path)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        gateway.until(lambda: gateway.reports and gateway.traits, timeout_s=60.0)
        time.sleep(SETTLED_S)
        told = json.loads(state.file("processes.json").read_text())
        if told["together"]:
            processes = {"the one process": agent.pid}
        else:
            (link,) = [pid for pid in _children(agent.pid) if pid != told["executor"]]
            processes = {"executor": told["executor"], "link": link, "supervisor": agent.pid}
        before = {name: _cpu_s(pid) for name, pid in processes.items()}
        time.sleep(REST_S)
        used = sum(_cpu_s(pid) - before[name] for name, pid in processes.items())
        targets = {"executor": 40.0, "link": 45.0}
        sizes = {name: _pss_mib(pid) for name, pid in processes.items()}
        for name, size in sizes.items():
            yield Figure(
                name=f"memory of {name}, {FILES} files", value=size, unit="MiB", target=targets.get(name), note="PSS"
            )
        yield Figure(name="memory of the whole agent", value=sum(sizes.values()), unit="MiB", target=70.0, note="PSS")
        share = 100.0 * used / REST_S
        yield Figure(name="processor at rest", value=share, unit="%", target=0.1, note=f"over {REST_S:.0f} s, of one")
    finally:
        agent.terminate()
        agent.wait(10)
        gateway.close()


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _pss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / MIB
    raise LookupError(f"no memory of process {pid}")

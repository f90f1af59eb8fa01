"""An agent on a host that denies it memory, space to write or a small config: it says so, and harms nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agent.clock import SystemClock
from agent.executor import LocalExecutor
from agent.hosts import RealHost
from agent.state import State
from schema.protocol.messages import MAX_FRAME_BYTES
from schema.time import DAY
from tests.effort import SOAK
from tests.factories.agents import enrolled
from tests.factories.gateway import Authority
from tests.factories.namespaces import as_root
from tests.factories.targets import Signer, raw

ROOT = Path(__file__).resolve().parents[2]
MIB = 1024 * 1024
ONCE = """
import resource, sys
limit = int(sys.argv.pop(1))
if limit:
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from agent.cli import command
code = command(sys.argv[1:])
sys.stdout.flush()
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")), file=sys.stderr)
sys.exit(code)
"""


class Host:
    """A root with an agent that has accepted a target and not run yet."""

    def __init__(self, where: Path, resources: Sequence[dict[str, Any]]) -> None:
        self.root, self.state = where / "root", where / "state"
        (self.root / "etc").mkdir(parents=True)
        signer = Signer()
        enrolled(self.state, Authority(), signer, gateway_url="wss://localhost:1/agent/v1", root=self.root)
        target = raw(signer.target([signer.crate("many", resources)], expires=SystemClock().now() + DAY))
        state = State.open(self.state)
        executor = LocalExecutor(state, RealHost(self.root), RealHost(self.root), clock=SystemClock())
        executor.offer(target)
        for data in signer.objects.values():
            executor.store(data)
        assert json.loads(executor.offer(target))["outcome"] == "accepted"
        executor.close()

    def once(self, *, limit: int = 0, within: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", ONCE, str(limit), "once", "--json", "--state", str(self.state)]
        return subprocess.run([*within, *words], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)

    def files(self) -> dict[str, str]:
        return {str(path.relative_to(self.root)): path.read_text() for path in self.root.rglob("*") if path.is_file()}


def test_ten_thousand_resources_are_applied_within_bounds_and_told_in_one_report(tmp_path: Path) -> None:
    wanted = [
        {"name": f"f{number}", "type": "file", "path": f"/etc/many/{number}", "content": f"{number}\n" * 40}
        for number in range(10_000)
    ]
    host = Host(tmp_path, wanted)
    ran = host.once()
    assert ran.returncode == 0, ran.stderr[-1000:]
    report = json.loads(ran.stdout)
    assert [each["outcome"] for each in report["resources"]] == ["changed"] * 10_000
    assert len(host.files()) == 10_000
    assert int(ran.stderr.split()[-1]) * 1024 < 256 * MIB
    (spooled,) = (host.state / "spool").glob("*.json")
    assert spooled.stat().st_size < MAX_FRAME_BYTES
    if not SOAK:
        return
    again = host.once()
    assert [each["outcome"] for each in json.loads(again.stdout)["resources"]] == ["unchanged"] * 10_000
    assert int(again.stderr.split()[-1]) * 1024 < 256 * MIB


SMALL = [
    {"name": f"f{number}", "type": "file", "path": f"/etc/few/{number}", "content": f"{number}\n" * 100_000}
    for number in range(8)
]


def test_without_memory_it_ends_and_what_it_began_is_finished_with_memory(tmp_path: Path) -> None:
    """The limit is on addresses, of which Python takes what it needs to start: most of these end early, some late."""
    host = Host(tmp_path, SMALL)
    whole = {f"etc/few/{number}": f"{number}\n" * 100_000 for number in range(8)}
    for limit in (48, 60, 66, 72):
        host.once(limit=limit * MIB)
        for name, text in host.files().items():
            assert whole[name] == text, name
    ran = host.once()
    assert ran.returncode == 0, ran.stderr[-1000:]
    assert host.files() == whole
    assert list(host.state.rglob(".new-*")) == []


def _read_only(path: Path) -> list[str]:
    script = 'mount --make-rprivate / && mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
    return ["unshare", "-m", "/bin/sh", "-c", script, "sh", str(path)]


@as_root
def test_a_host_that_cannot_be_written_is_said_to_be_so_and_healed_afterwards(tmp_path: Path) -> None:
    host = Host(tmp_path, SMALL[:2])
    ran = host.once(within=_read_only(host.root))
    assert ran.returncode == 1, ran.stderr[-1000:]
    report = json.loads(ran.stdout)
    assert [each["outcome"] for each in report["resources"]] == ["failed", "failed"]
    assert all("Read-only file system" in each["error"] for each in report["resources"])
    assert host.files() == {}
    assert host.once().returncode == 0
    assert len(host.files()) == 2
    told = [json.loads(path.read_text())["status"] for path in sorted((host.state / "spool").glob("*.json"))]
    assert told == ["failed", "converged"]


@as_root
def test_a_state_that_cannot_be_written_is_one_line_and_nothing_is_changed(tmp_path: Path) -> None:
    host = Host(tmp_path, SMALL[:2])
    before = {path: path.read_bytes() for path in host.state.rglob("*") if path.is_file()}
    ran = host.once(within=_read_only(host.state))
    assert ran.returncode in (1, 2)
    assert "Traceback" not in ran.stderr
    assert "Read-only file system" in ran.stderr
    assert {path: path.read_bytes() for path in host.state.rglob("*") if path.is_file()} == before
    assert host.once().returncode == 0
    assert len(host.files()) == 2
    assert os.access(host.state / "journal.jsonl", os.R_OK)

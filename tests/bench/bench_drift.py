"""Drift, from what makes it to all being right again: a whole running agent.

The agent is a process with its watch, core, executor and a server on loopback; what drifts is told by the kernel. Its
patience with what drifts again and again is switched off, for 200 times in a row is what it is patient with; it has it
where 100 of the thousand are damaged while one is rewritten in a loop, as fast as a shell can. What is no file
(an account, a mount) is damaged by the host's own tools, in a mount namespace with a copy of /etc; only root has one.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.bench import agents, peer_files
from tests.bench.figures import Figure
from tests.factories.agents import enrolled
from tests.factories.gateway import Authority, Gateway
from tests.factories.targets import Signer

SAMPLES: Final = 200
FOUGHT: Final = 100
COUNTS: Final = (1, 1_000)
FEW: Final = 50
SETTLED_S: Final = 3.0
REST_S: Final = 0.3
LIMIT_S: Final = 15.0
IMPATIENT: Final = (
    "from agent import fights, patience, schedule; "
    "fights.FREE_REPAIRS = patience.FREE = schedule.DRIFT_CREDIT_S = 10**9"
)
MAIN: Final = "import sys; from agent.cli import main; main(sys.argv[1:])"


def run() -> Iterable[Figure]:
    for count in COUNTS:
        with tempfile.TemporaryDirectory(prefix="vigo-bench-") as name:
            yield from _figures(Path(name), count)
    with tempfile.TemporaryDirectory(prefix="vigo-bench-") as name:
        yield from _figures(Path(name), COUNTS[-1], fought=True)
    if os.geteuid() == 0:
        with tempfile.TemporaryDirectory(prefix="vigo-bench-") as name:
            yield from _others(Path(name))


class _Agent:
    """A running agent that has converged, and its server."""

    def __init__(
        self, place: Path, resources: Sequence[Mapping[str, Any]], *, before: str = "", patient: bool = False
    ) -> None:
        signer, authority = Signer(), Authority()
        self._gateway = Gateway(authority, signer, place)
        self._gateway.target = signer.target([signer.crate("bench", resources)], expires=agents.FOREVER)
        state = enrolled(place / "state", authority, signer, gateway_url=self._gateway.url, root=Path("/"))
        code = MAIN if patient else f"{IMPATIENT}; {MAIN}"
        argv = [sys.executable, "-c", code, "run", "--state", str(state.path)]
        self.process = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", f'{before}\nexec "$@"', "agent", *argv] if before else argv,
            cwd=agents.ROOT,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=agents.environment(place),
        )

    def __enter__(self) -> _Agent:
        self._gateway.until(lambda: self._gateway.reports and self._gateway.traits, timeout_s=60.0)
        time.sleep(SETTLED_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)
        self._gateway.close()

    def repaired(self, damage: str, is_right: Callable[[Path], bool]) -> float:
        """Seconds from the end of a shell command within its namespace until all is right there."""
        root = Path(f"/proc/{self.process.pid}/root")
        subprocess.run(["nsenter", "-m", "-t", str(self.process.pid), "sh", "-c", damage], check=True)
        began = time.perf_counter()
        while (took := time.perf_counter() - began) < LIMIT_S and not is_right(root):
            time.sleep(0.001)
        time.sleep(REST_S)
        return took


def _others(place: Path) -> Iterator[Figure]:
    before = f"mount --make-rprivate / && cp -a /etc {place}/etc && mount --bind {place}/etc /etc"
    swept = place / "swept"
    swept.mkdir()
    resources = [
        {"name": f"u{number}", "type": "user", "user": f"bench{number}", "create_home": False} for number in range(30)
    ]
    resources += [
        {"name": "swept", "type": "directory", "path": str(swept), "purge": True},
        {"name": "mounted", "type": "mount", "path": str(place / "mounted"), "device": "tmpfs", "fstype": "tmpfs"},
    ]
    mounted = f" {place}/mounted "
    damages: dict[str, tuple[str, Callable[[Path], bool]]] = {
        "an account of 30": ("userdel bench7", lambda root: "bench7:" in (root / "etc/passwd").read_text()),
        "a file in a swept directory": (f"touch {swept}/evil", lambda _: not (swept / "evil").exists()),
    }
    with _Agent(place, resources, before=before) as agent:
        table = Path(f"/proc/{agent.process.pid}/mountinfo")
        damages["a mount"] = (f"umount {place}/mounted", lambda _: mounted in table.read_text())
        for what, (damage, is_right) in damages.items():
            taken = sorted(agent.repaired(damage, is_right) for _ in range(FEW))
            yield _figure(f"drift of {what}, seen and repaired: p99 of {FEW}", taken)


def _figure(name: str, taken: Sequence[float]) -> Figure:
    return Figure(
        name=name,
        value=taken[int(0.99 * len(taken)) - 1] * 1e3,
        unit="ms",
        target=250.0,
        note=f"median {statistics.median(taken) * 1e3:.0f} ms, worst {taken[-1] * 1e3:.0f} ms",
    )


def _figures(place: Path, count: int, *, fought: bool = False) -> Iterator[Figure]:
    managed = place / "managed"
    managed.mkdir()
    samples = FOUGHT if fought else SAMPLES
    name, _ = next(iter(peer_files.named(count)))
    loop = ["sh", "-c", f"while :; do echo theirs > {managed}/{name}; done"]
    with _Agent(place, list(peer_files.vigo(managed, count)), patient=fought):
        argv = [sys.executable, "-m", "tests.bench.drifting", str(managed), str(count), str(samples)]
        other = subprocess.Popen(loop) if fought else None
        try:
            done = subprocess.run(argv, cwd=agents.ROOT, capture_output=True, check=True, timeout=600)
        finally:
            if other is not None:
                other.kill()
                other.wait()
    meanwhile = " while another is rewritten in a loop" if fought else ""
    taken = sorted(json.loads(done.stdout))
    yield _figure(f"drift of one file of {count}{meanwhile}, seen and repaired: p99 of {samples}", taken)

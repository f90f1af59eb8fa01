"""From a commit to three converged agents, all real processes on this machine."""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tests.bench.figures import Figure
from tests.e2e.site import ROOT, Site

HOSTS = ("web01.prod.example.com", "db01.prod.example.com", "web01.staging.example.com")
COMMITS = 15
CRATE = "configcrates/base/resolver.vgo"


def run() -> Iterable[Figure]:
    with tempfile.TemporaryDirectory(prefix="vigo-bench-") as place:
        site = Site(Path(place))
        try:
            yield from _measure(site)
        finally:
            site.end()


def _measure(site: Site) -> Iterable[Figure]:
    example = ROOT / "examples" / "repo"
    files = {path.relative_to(example).as_posix(): path.read_text() for path in example.rglob("*") if path.is_file()}
    commit = site.commit(files, "the example repository")
    site.start()
    for name in sorted(set(re.findall(r"secret:([\w./-]+)", "\n".join(files.values())))):
        site.set_secret(name, "a secret of the bench")
    agents = [site.agent(hostname).joined() for hostname in HOSTS]
    for agent in agents:
        site.converged(agent, commit)

    on_disk, reported = [], []
    for turn in range(COMMITS):
        begun = time.monotonic()
        commit = site.commit(
            {CRATE: f"{files[CRATE]}# {turn}\n".replace("options timeout:2", f"options timeout:{turn}")}
        )
        _wait(lambda turn=turn: all(f"timeout:{turn} " in (one.read("/etc/resolv.conf") or "") for one in agents))
        on_disk.append(time.monotonic() - begun)
        for agent in agents:
            site.converged(agent, commit)
        reported.append(time.monotonic() - begun)
    yield Figure(
        name="commit → three agents converged, p50",
        value=statistics.median(on_disk) * 1e3,
        unit="ms",
        target=400.0,
        note="every file of the commit is on every agent's disk",
    )
    yield Figure(
        name="commit → three agents' reports are durable, p50",
        value=statistics.median(reported) * 1e3,
        unit="ms",
        note="asked over REST, which adds a TLS handshake a question",
    )


def _wait(look: object) -> None:
    assert callable(look)
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline, "the agents did not converge"
        time.sleep(0.002)

"""What one host costs, from what the operators wrote to what it is to be: Vigo, Ansible, Puppet and Salt, in one run.

The same fleet in each tool's own words (`peer_fleet`), with as many hosts as each can take in its time. The tools take
turns, so that whatever else the machine does meets them all; the middle of the rounds counts. A peer that is not
installed is shown as missing.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from reconciler import graph, repository
from reconciler.repository import write
from tests.bench import peer_fleet
from tests.bench.figures import Figure
from tests.bench.peer_fleet import RESOURCES, SALT

ROUNDS = 3
VIGO_HOSTS = 10_000
ANSIBLE_HOSTS = 2_000
PUPPET_HOSTS = 30
SALT_CALLS = 5
TARGET_US = 150.0
AUTHOR = write.Author("bench", "bench@example.com")
ROOT = Path(__file__).parents[2]

Measure = Callable[[], float]
"""One round: seconds for one host."""


def run() -> Iterable[Figure]:
    with tempfile.TemporaryDirectory(prefix="vigo-bench-") as name:
        place = Path(name)
        vigo = _vigo(place)
        peers = {
            "ansible-inventory --list": _ansible(place),
            "puppet, warm compiler": _puppet(place),
            "salt state.show_highstate, warm": _salt(place),
        }
        explain, peer_explain = _vigo_trace(place), _puppet_lookup(place)
        measures = {"vigo": vigo, "trace": explain, "puppet lookup --explain": peer_explain, **peers}
        taken: dict[str, list[float]] = {each: [] for each in measures}
        for _ in range(ROUNDS):
            for each, measure in measures.items():
                if measure is not None:
                    taken[each].append(measure())
    middle = {each: statistics.median(times) for each, times in taken.items() if times}
    notes = {
        "ansible-inventory --list": (0.15, f"vars alone, whole run over {ANSIBLE_HOSTS} hosts"),
        "puppet, warm compiler": (0.01, f"{PUPPET_HOSTS} hosts in one process; its catalog has the contents in it"),
        "salt state.show_highstate, warm": (0.01, f"{SALT_CALLS} times in one process; states rendered"),
    }
    for each, (limit, note) in notes.items():
        yield Figure(
            name=f"one host's {RESOURCES} resources and vars, of {VIGO_HOSTS}: cold compile and assignment",
            value=middle["vigo"] * 1e6,
            unit="µs",
            target=TARGET_US,
            peer=each if each in middle else f"{each}: not installed",
            peer_value=middle[each] * 1e6 if each in middle else None,
            ratio_target=limit,
            note=f"templates are proven, and rendered on the host; beside: {note}",
        )
    lookup = "puppet lookup --explain"
    yield Figure(
        name="where one host's values come from, from process start: vigo trace --repo",
        value=middle["trace"] * 1e3,
        unit="ms",
        peer=lookup if lookup in middle else f"{lookup}: not installed",
        peer_value=middle[lookup] * 1e3 if lookup in middle else None,
        note="all values with their places; beside: one value",
    )


def _vigo(place: Path) -> Measure:
    path = place / "vigo"
    write.commit(write.init(path), write.DEFAULT_BRANCH, dict(peer_fleet.vigo(VIGO_HOSTS)), AUTHOR, "a fleet")
    hostnames = [peer_fleet.host(number) for number in range(VIGO_HOSTS)]

    def measure() -> float:
        started = time.perf_counter()
        opened = repository.open(path)
        compilation = graph.compile_tree(opened.tree(opened.resolve("HEAD")), graph.Cache())
        assert compilation.graph is not None, compilation.diagnostics[:3]
        assigned = compilation.graph.assign(hostnames)
        took = time.perf_counter() - started
        assert None not in assigned.values()
        return took / VIGO_HOSTS

    return measure


def _vigo_trace(place: Path) -> Measure:
    path = place / "vigo-small"
    write.commit(write.init(path), write.DEFAULT_BRANCH, dict(peer_fleet.vigo(PUPPET_HOSTS)), AUTHOR, "a fleet")
    argv = [sys.executable, "-m", "api", "trace", peer_fleet.host(0), "--repo", str(path), "--rev", "main", "--json"]
    argv.append("--places")
    return lambda: _timed(argv, cwd=ROOT)


def _ansible(place: Path) -> Measure | None:
    program = shutil.which("ansible-inventory", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if program is None:
        return None
    inventory = peer_fleet.ansible(place, ANSIBLE_HOSTS)
    argv = [program, "-i", str(inventory), "--list", "--output", str(place / "listed.json")]

    def measure() -> float:
        took = _timed(argv, cwd=place)
        listed = json.loads((place / "listed.json").read_text())["_meta"]["hostvars"]
        assert len(listed) == ANSIBLE_HOSTS
        return took / ANSIBLE_HOSTS

    return measure


def _puppet(place: Path) -> Measure | None:
    if shutil.which("puppet") is None or shutil.which("ruby") is None:
        return None
    argv = ["ruby", str(peer_fleet.puppet(place, PUPPET_HOSTS))]
    # The first compile of a process reads manifests and data; the others are what a warm server does.
    return lambda: statistics.median(json.loads(_said(argv, cwd=place))[1:])


def _puppet_lookup(place: Path) -> Measure | None:
    program = shutil.which("puppet")
    if program is None:
        return None
    folder = place / "puppet"
    facts = folder / "facts.json"
    name = peer_fleet.host(0)
    named = {"fqdn": name, "clientcert": name, "hostname": name.partition(".")[0], "domain": name.partition(".")[2]}
    facts.write_text(json.dumps({**named, "team": "g0", "tier": "production"}))
    argv = [program, "lookup", "--explain", "m0::serial", "--node", name, "--facts", str(facts)]
    argv += ["--confdir", str(folder / "conf"), "--vardir", str(folder / "var")]
    argv += ["--hiera_config", str(folder / "hiera.yaml"), "--modulepath", str(folder / "modules")]
    assert "m0::serial" in _said(argv, cwd=place)
    return lambda: _timed(argv, cwd=place)


def _salt(place: Path) -> Measure | None:
    if not SALT.exists():
        return None
    argv = [str(SALT), str(peer_fleet.salt(place, SALT_CALLS))]
    return lambda: statistics.median(json.loads(_said(argv, cwd=place).splitlines()[-1])[1:])


def _timed(argv: list[str], *, cwd: Path) -> float:
    started = time.perf_counter()
    _said(argv, cwd=cwd)
    return time.perf_counter() - started


def _said(argv: list[str], *, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "VIGO_"))}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, cwd=cwd, env=environment)
    assert done.returncode == 0, (argv[:3], done.stdout[-2_000:], done.stderr[-2_000:])
    return done.stdout

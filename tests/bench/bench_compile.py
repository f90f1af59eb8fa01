"""Compile generated repositories: cold, from disk, after a commit; match, trace, search; the memory of it all.

Two shapes: where every team has match blocks of its own (the most profiles that so many files can make), and where a few
hundred profiles are shared, as fleets usually have it. Repositories are packed, as a clone is.

Seconds are of CPU (one thread does the work), so that what else the machine does is not measured; wall time is in the
note. What needs a process of its own runs this module as a program.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from reconciler import graph, repository
from reconciler.graph import Graph, storing
from reconciler.graph.matching import Matcher
from reconciler.graph.patterns import parse
from reconciler.repository import Repository, write
from schema.protocol.signing import Domain, Signer
from tests.bench.figures import Figure
from tests.bench.generate import Generated, files_of, packed

ROOT: Final = Path(__file__).resolve().parents[2]
AUTHOR = write.Author("bench", "bench@example.com")


def run() -> Iterable[Figure]:
    with tempfile.TemporaryDirectory(prefix="vigo-bench-") as folder:
        yield from _usual(Path(folder) / "usual")
        yield from _most(Path(folder) / "most")
        yield from _large(Path(folder) / "large")
    yield from _matching()
    yield _validate()


def _usual(place: Path) -> Iterable[Figure]:
    """A few hundred profiles."""
    made = files_of(files=5_000, hosts=10_000, profiles=300)
    packed(place, made.files)
    yield from _cold(place, made, "300 profiles")
    yield from _stored(place, made, "300 profiles")


def _most(place: Path) -> Iterable[Figure]:
    """As many profiles as fit."""
    made = files_of(files=5_000, hosts=10_000)
    opened = packed(place, made.files)
    yield from _cold(place, made, "8,300 profiles")
    yield from _stored(place, made, "8,300 profiles")
    cache = graph.Cache()
    whole = _compile(opened, opened.resolve("HEAD"), cache, made.hostnames)
    yield from _commits(opened, cache, made, "5,000 files")
    yield from _answers(whole, made)
    many = files_of(files=5_000, hosts=100_000)
    place = place.with_name("many")
    packed(place, many.files)
    took = [_own("cold", place, many) for _ in range(2)]
    best = min(took, key=_cpu)
    yield Figure(
        name="compile 5,000 files, assign 100,000 hosts, cold", value=best["cpu_s"], unit="s", target=5.0, note=_wall(best)
    )  # fmt: skip
    yield Figure(
        name="memory of a process with that graph", value=min(each["rss_mb"] for each in took), unit="MB", target=400.0
    )


def _large(place: Path) -> Iterable[Figure]:
    """Ten times the files."""
    made = files_of(files=50_000, hosts=100_000)
    opened = packed(place, made.files)
    cache = graph.Cache()
    begun = (time.process_time(), time.perf_counter())
    _compile(opened, opened.resolve("HEAD"), cache, made.hostnames)
    cpu, wall = time.process_time() - begun[0], time.perf_counter() - begun[1]
    yield Figure(
        name="compile 50,000 files, assign 100,000 hosts, cold",
        value=cpu,
        unit="s",
        note=f"wall {wall:.1f} s; no target",
    )
    yield from _commits(opened, cache, made, "50,000 files")


def _cold(place: Path, made: Generated, kind: str) -> Iterable[Figure]:
    took = [_own("cold", place, made) for _ in range(3)]
    best = min(took, key=_cpu)
    yield Figure(
        name=f"compile 5,000 files, assign 10,000 hosts, cold ({kind})",
        value=best["cpu_s"],
        unit="s",
        target=1.5,
        note=_wall(best),
    )
    yield Figure(
        name=f"the same with every catalog signed ({kind})",
        value=best["signed_s"],
        unit="s",
        target=1.5,
        note="the server signs a catalog when a host first asks for it",
    )
    yield Figure(name=f"the same for one host ({kind})", value=best["signed_s"] / 10_000 * 1e6, unit="µs", target=150.0)


def _stored(place: Path, made: Generated, kind: str) -> Iterable[Figure]:
    _own("store", place, made)
    best = min((_own("warm", place, made) for _ in range(5)), key=_cpu)
    yield Figure(
        name=f"the same in a new process, from what the last one kept ({kind})",
        value=best["cpu_s"],
        unit="s",
        target=0.4,
        note=f"{_wall(best)}; with imports {best['process_s']:.2f} s; {best['kept_mb']:.1f} MB on disk",
    )


def _commits(opened: Repository, cache: graph.Cache, made: Generated, size: str) -> Iterable[Figure]:
    leaves = [path for path in made.files if "/leaf" in path]
    leaf, other = leaves[5], leaves[len(leaves) // 2]
    template = next(path for path in made.files if path.startswith("templates/"))
    crate = "configcrates/area1/crate1.vgo"
    files = made.files
    edits: Mapping[str, Callable[[int], Mapping[str, bytes]]] = {
        "a var": lambda turn: {leaf: files[leaf].replace(b"level: info", b"level: info%d" % turn)},
        "an added match block": lambda turn: {other: files[other] + b"  - match: zz%d.example.com\n" % turn},
        "a new file": lambda turn: {f"region1/new{turn}.vgo": b"envoys:\n  - match: new%d.example.com\n" % turn},
        "a comment in a crate": lambda turn: {crate: files[crate] + b"# %d\n" % turn},
        "a template": lambda turn: {template: files[template] + b"# %d\n" % turn},
    }
    for what, edit in edits.items():
        times = []
        touched = 0
        for turn in range(7):
            commit = write.commit(opened, "HEAD", edit(turn), AUTHOR, "one file")
            before = cache.blocks
            begun = time.process_time()
            compilation = graph.compile_tree(opened.tree(commit), cache)
            times.append(time.process_time() - begun)
            assert compilation.graph is not None, compilation.diagnostics[:3]
            assert before is not None
            touched = sum(each is not before.profiles.get(each.id) for each in compilation.graph.order)
        yield Figure(
            name=f"after a commit of one file: {what} ({size})",
            value=statistics.median(times) * 1e3,
            unit="ms",
            target=15.0 if touched <= 10 else None,
            note=f"{touched} profiles made anew" + ("" if touched <= 10 else ", which is most of it"),
        )


def _answers(whole: Graph, made: Generated) -> Iterable[Figure]:
    hosts = made.hostnames[:: max(1, len(made.hostnames) // 500)]

    def documented(whole: Graph, host: str) -> object:
        return graph.trace(whole, host, places=False).without_places()

    yield Figure(name="trace, p99", value=_p99(documented, whole, hosts) * 1e3, unit="ms", target=2.0)
    placed = _p99(graph.trace, whole, hosts)
    yield Figure(
        name="trace with the places of all vars, p99", value=placed * 1e3, unit="ms", note="each asks about new files"
    )  # fmt: skip
    crates = sorted(whole.crates)[:300]

    def find(whole: Graph, crate: str) -> object:
        return graph.search(whole, configcrate=crate)

    common = max(crates, key=lambda name: len(graph.reach(whole, name)))
    yield Figure(
        name="search by a crate among 8,300 match blocks, p99",
        value=_p99(find, whole, [*crates, *[common] * 10]) * 1e3,
        unit="ms",
        target=20.0,
    )


def _matching() -> Iterable[Figure]:
    globs = [
        *(f"web{number}*.dc{number % 20}.example.com" for number in range(300)),
        *(f"*.app{number}.prod.example.com" for number in range(300)),
        *(f"*-db{number:03}-*" for number in range(300)),
        *(f"c?che{number}[0-9]*" for number in range(100)),
    ]
    hosts = [
        *(f"web{number % 400}a{number}.dc{number % 30}.example.com" for number in range(40_000)),
        *(f"h{number}.app{number % 500}.prod.example.com" for number in range(30_000)),
        *(f"x{number}-db{number % 400:03}-y.example.com" for number in range(20_000)),
        *(f"cache{number % 150}{number}.example.com" for number in range(10_000)),
    ]
    took: list[float] = []
    for _ in range(3):
        begun = time.process_time()
        matcher = Matcher([parse(each) for each in globs])
        for host in hosts:
            matcher.match(host)
        took.append(time.process_time() - begun)
    yield Figure(name="match 100,000 names against 1,000 globs, index and all", value=min(took), unit="s", target=1.0)
    fresh = [f"new{number}-db{number % 400:03}-z.example.com" for number in range(2_000)]
    times = []
    for host in fresh:
        begun = time.perf_counter()
        matcher.match(host)
        times.append(time.perf_counter() - begun)
    yield Figure(name="match one new name, p99", value=sorted(times)[-len(times) // 100] * 1e3, unit="ms", target=1.0)


def _validate() -> Figure:
    times: list[tuple[float, float]] = []
    # What is installed is compiled to bytecode once; so is this, by the first of them.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(9):
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = [sys.executable, "-m", "api", "validate", "examples/repo"]
        subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, timeout=60)
        wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall))
    cpu, _ = min(times)
    return Figure(
        name="vigo validate of examples/repo, from process start",
        value=cpu,
        unit="s",
        target=0.4,
        note=f"wall {min(wall for _, wall in times):.2f} s",
    )


def _p99(ask: Callable[[Graph, str], object], whole: Graph, arguments: Iterable[str]) -> float:
    times = []
    for argument in arguments:
        begun = time.process_time()
        ask(whole, argument)
        times.append(time.process_time() - begun)
    times.sort()
    return times[min(len(times) - 1, len(times) * 99 // 100)]


def _compile(opened: Repository, commit: str, cache: graph.Cache, hostnames: Iterable[str]) -> Graph:
    compilation = graph.compile_tree(opened.tree(commit), cache)
    assert compilation.graph is not None, compilation.diagnostics[:3]
    compilation.graph.assign(hostnames)
    return compilation.graph


def _cpu(took: Mapping[str, Any]) -> float:
    return float(took["cpu_s"])


def _wall(took: Mapping[str, Any]) -> str:
    return f"wall {took['wall_s']:.2f} s"


# in a process of its own


def _own(what: str, place: Path, made: Generated) -> dict[str, Any]:
    names = place.with_suffix(".hosts")
    if not names.exists():
        names.write_text("\n".join(made.hostnames))
    command = [sys.executable, "-m", "tests.bench.bench_compile", what, str(place), str(names)]
    run = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def _measure(what: str, place: Path, names: Path) -> dict[str, Any]:
    kept = place.with_suffix(".kept")
    hostnames = names.read_text().split("\n")
    repository.open(place)  # loads what a server has loaded before it compiles: `process_s` has that, too
    begun = (time.process_time(), time.perf_counter())
    opened = repository.open(place)
    tree = opened.tree(opened.resolve("HEAD"))
    cache = (storing.restore(kept, tree) if what == "warm" else None) or graph.Cache()
    compilation = graph.compile_tree(tree, cache)
    assert compilation.graph is not None, compilation.diagnostics[:3]
    compilation.graph.assign(hostnames)
    found = {"cpu_s": time.process_time() - begun[0], "wall_s": time.perf_counter() - begun[1]}
    found["process_s"] = time.process_time()
    found["rss_mb"] = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6
    if what == "store":
        assert storing.store(kept, cache)
    if what == "cold":
        begun = (time.process_time(), 0)
        signer = Signer(Ed25519PrivateKey.generate())
        for body in {each.catalog_sha256: each.catalog_body for each in compilation.graph.order}.values():
            signer.sign(Domain.CATALOG, body)
        found["signed_s"] = found["cpu_s"] + time.process_time() - begun[0]
    if kept.exists():
        found["kept_mb"] = kept.stat().st_size / 1e6
    return found


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))))

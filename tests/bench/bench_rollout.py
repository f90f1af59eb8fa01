"""Plans of rollouts: a change of one crate, for a fleet of 10,000 and of 100,000 hosts."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from reconciler import graph
from reconciler.graph import Cache, Graph
from reconciler.rollout.planning import HostFacts, plan
from tests.bench.figures import Figure
from tests.bench.generate import files_of
from tests.factories.trees import MemoryTree

FILES, TURNS = 5_000, 5
BASE, TARGET = "a" * 40, "b" * 40
SYSTEMS = ("debian 12", "debian 13", "rhel 9")
TEN_WAVES = (
    "waves: [{name: canaries, canaries: true}, {name: lab, tag: lab}, {name: web, match: 'web*'},"
    + "".join(f" {{name: p{percent}, percent: {percent}}}," for percent in (1, 5, 10, 25, 50, 75))
    + " {name: end}]\n"
)
INVARIANTS = (
    "invariants: [{name: spread, for_each: environment, where: {role: role-0}, at_least: 1},"
    " {name: share, for_each: environment, at_most: 100%}, {name: all, at_least: 1}]\n"
)


def run() -> Iterable[Figure]:
    for hosts, rollout, what, target in (
        (10_000, "", "no rollout.vgo", 50.0),
        (100_000, "", "no rollout.vgo", None),
        (100_000, TEN_WAVES, "ten waves with canaries", 1_000.0),
        (100_000, TEN_WAVES + "\0", "ten waves with canaries, three invariants", None),
    ):
        yield _measure(hosts, rollout, what, target)


def _measure(hosts: int, rollout: str, what: str, target: float | None) -> Figure:
    made = files_of(files=FILES, hosts=hosts, profiles=300)
    cache = Cache()
    base = replace(_compiled(made.files, cache), commit=BASE)
    carried = Counter(name for profile in base.order for name in profile.configcrates)
    crate = max(carried, key=carried.__getitem__)
    files = {
        path: said.replace(b'mode: "0644"', b'mode: "0640"') if path.endswith(f"/{crate}.vgo") else said
        for path, said in made.files.items()
    }
    if rollout:
        files["rollout.vgo"] = rollout.strip("\0").encode()
    if "\0" in rollout:
        files["invariants.vgo"] = INVARIANTS.replace("role-0", base.order[0].roles[0]).encode()
    changed = replace(_compiled(files, cache), commit=TARGET)
    facts = [
        HostFacts(name, os=SYSTEMS[number % 3], tags=("lab",) if number % 500 == 0 else (), base=BASE)
        for number, name in enumerate(made.hostnames)
    ]
    took = []
    for _ in range(TURNS):
        begun = time.process_time()
        found = plan(changed, facts, {BASE: base})
        took.append(time.process_time() - begun)
    return Figure(
        name=f"plan of a one-crate change, {hosts:,} hosts, {what}",
        value=statistics.median(took) * 1e3,
        unit="ms of processor time",
        target=target,
        note=f"{found.count:,} hosts in {len(found.waves)} waves, {len(found.classes)} classes; "
        f"the first of {TURNS}: {took[0] * 1e3:.0f} ms",
    )


def _compiled(files: Mapping[str, bytes], cache: Cache) -> Graph:
    found = graph.compile_tree(MemoryTree(files), cache)
    assert found.graph is not None, found.diagnostics[:3]
    return found.graph

"""What a connected agent that has nothing to say costs the server: its heartbeat, and what the server does of itself.

Five hundred agents check in as often as ten thousand do with the usual heartbeat. What the server takes with nobody
connected is measured before: the difference is what one more check-in costs, the whole is what an operator pays.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tests.bench.figures import Figure
from tests.load import scenarios
from tests.load.sites import LoadSite, cpu_s

AGENTS = 500
HEARTBEAT_S = 3.0
"""As many check-ins a second as ten thousand agents have with a heartbeat of 60 s."""
SETTLE_S = 5.0
MEASURE_S = 30.0
TIMES = 3
TARGET_US = 100.0


def run() -> Iterable[Figure]:
    with tempfile.TemporaryDirectory(prefix="vigo-checkins-") as place:
        site = LoadSite(Path(place), agents=AGENTS, profiles=50)
        site.environment["VIGO_HEARTBEAT_S"] = str(HEARTBEAT_S)
        try:
            site.start()
            site.in_force(site.first)
            yield from _measure(site)
        finally:
            site.end()


def _measure(site: LoadSite) -> Iterable[Figure]:
    assert site.server is not None
    pid = site.server.pid
    time.sleep(SETTLE_S)
    alone = min(_cpu_in(pid, MEASURE_S) for _ in range(TIMES)) / MEASURE_S
    costs = []
    with site.swarm() as swarm:
        scenarios.connect(swarm, over_s=AGENTS / 100)
        time.sleep(SETTLE_S)
        for _ in range(TIMES):
            swarm.say("forget")
            taken = _cpu_in(pid, MEASURE_S)
            check_ins = swarm.told().counts["check_ins"]
            costs.append((taken / check_ins, (taken - alone * MEASURE_S) / check_ins, check_ins / MEASURE_S))
    whole, one_more, rate = min(costs)
    yield Figure(
        name="an idle server with nobody connected", value=alone * 100, unit="% of a core",
        note=f"the least of {TIMES} stretches of {MEASURE_S:.0f} s",
    )  # fmt: skip
    yield Figure(
        name="server CPU for one more check-in without a change", value=one_more * 1e6, unit="µs", target=TARGET_US,
        peer="the specification's own system", peer_value=800.0,
        note=f"what {rate:.0f} of them a second take beyond that: TLS, the answer, what is written of them",
    )  # fmt: skip
    yield Figure(
        name="server CPU for a check-in, all that an idle server does included", value=whole * 1e6, unit="µs",
        target=TARGET_US, note=f"at {rate:.0f} a second, as of 10,000 agents; with fewer, the idle part has fewer to bear it",
    )  # fmt: skip


def _cpu_in(pid: int, seconds: float) -> float:
    began = cpu_s(pid)
    time.sleep(seconds)
    return cpu_s(pid) - began

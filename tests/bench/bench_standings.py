"""Standings of 100,000 hosts: what a report costs, what an answer takes, and how long a new commit keeps the loop."""

from __future__ import annotations

import asyncio
import statistics
import time
import tracemalloc
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from api.services import revisions, standings
from api.services.events import Event
from api.services.tallies import Tally
from api.storage.standings import FleetHost
from reconciler import graph
from reconciler.graph import Graph
from reconciler.holds import Holds
from schema.holds import Hold, HoldKind
from schema.ids import new_id
from tests.bench.figures import Figure
from tests.bench.generate import files_of
from tests.factories.trees import MemoryTree
from tests.server import Server

HOSTS, REPORTS, ANSWERS = 100_000, 4_000, 200
COMMIT = "a" * 40


class _Everybody:
    """A gateway to which all are connected."""

    def online(self, envoy_id: str) -> bool:
        return bool(envoy_id)


def run() -> Iterable[Figure]:
    made = files_of(files=1_000, hosts=HOSTS, profiles=300)
    found = graph.compile_tree(MemoryTree(made.files, commit=COMMIT)).graph
    assert found is not None
    with TemporaryDirectory() as folder:
        server = Server(Path(folder))
        try:
            yield from asyncio.run(_measured(server, found, made.hostnames))
        finally:
            server.close()


async def _measured(server: Server, desired: Graph, hostnames: Sequence[str]) -> list[Figure]:
    services, system = server.services, server.system
    services.gateway, services.graph = _Everybody(), desired
    await services.write(
        system, lambda work: revisions.record_in_force(work, commit=COMMIT, plan_root="0" * 64, compiled_ms=1.0)
    )
    revision = await services.read(system, lambda work: standings.find(work, "current"))
    fleet = [FleetHost(new_id(), hostname, "b" * 64, False, "") for hostname in hostnames]
    tally = services.own["standings"] = Tally(services)
    tracemalloc.start()
    tally.load(fleet)
    await tally.begin(revision, desired)
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    waits: list[float] = []
    watching = asyncio.create_task(_watch(waits))
    await asyncio.sleep(0)
    await tally.begin(revision, desired)
    services.holds = Holds([Hold(id=new_id(), kind=HoldKind.FREEZE, match="web*", created_at=0, created_by="bench")])
    await tally.sweep()
    watching.cancel()

    took = _reports(tally, desired, fleet)
    answers: list[float] = []
    for number in range(ANSWERS):
        begun = time.perf_counter()
        if number % 2:
            await standings.get(services, system, "current")
        else:
            await standings.page(services, system, "current", tally.counts().most_common(1)[0][0][0], limit=100)
        answers.append(time.perf_counter() - begun)
    return [
        Figure(name="standing of 100,000 hosts, p99", value=_p99(answers) * 1e3, unit="ms", target=50.0),
        Figure(name="one report counted", value=took / REPORTS * 1e6, unit="us of processor time", target=20.0),
        Figure(
            name="a new commit, then a freeze: the loop waits, p99", value=_p99(waits) * 1e3, unit="ms", target=50.0
        ),
        Figure(name="kept of each enrolled host", value=kept / HOSTS, unit="bytes", target=1_024.0),
    ]


def _reports(tally: Tally, desired: Graph, fleet: list[FleetHost]) -> float:
    told = []
    for host in fleet[:REPORTS]:
        profile = desired.match(host.hostname)
        catalog = profile.catalog_sha256 if profile is not None else ""
        data = {"envoy_id": host.id, "catalog": catalog, "status": "converged", "failed": 0, "dry_run": False}
        told.append(Event("run.finished", data))
    begun = time.process_time()
    for event in told:
        tally.note(event)
    tally.take_up()
    return time.process_time() - begun


async def _watch(waits: list[float]) -> None:
    """Note how long others take their turn."""
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(0)
        waits.append(time.perf_counter() - begun)


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]

"""The lists of a fleet of a hundred thousand: pages by number at either end, searches, and the fleet in numbers."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from api.services import census, envoys, rosters
from api.services.clock import SystemClock
from api.services.container import Services
from api.services.extents import Extent
from api.services.passwords import Passwords
from api.services.rosters import Order, Search
from api.services.work import Actor, Work
from api.settings import Settings
from api.storage.database import Database
from schema.envoys import Convergence
from schema.ids import DEFAULT_PROJECT
from tests.bench.figures import Figure

HOSTS = 100_000
TIMES = 100
NOW = 1_795_300_000_000_000
BENCH = Actor.system("bench")


def run() -> Iterable[Figure]:
    with tempfile.TemporaryDirectory(prefix="vigo-lists-") as place:
        folder = Path(place)
        database = Database.open(folder / "vigo.db")
        services = Services(Settings(data_dir=folder), database, passwords=Passwords(memory_kib=8, passes=1))
        try:
            database.write_now(_fill)
            yield from _measure(services)
        finally:
            services.passwords.close()
            database.close_now()


def _measure(services: Services) -> Iterable[Figure]:
    def page(offset: int) -> Callable[[Work], object]:
        extent = Extent()
        return lambda work: envoys.page(
            work, online=envoys.nobody, graph=None, limit=100, offset=offset, extent=extent
        ).model_dump_json(by_alias=True)

    def search(wanted: Search, order: Order = Order.HOSTNAME) -> Callable[[Work], object]:
        return lambda work: rosters.search(work, wanted, online=envoys.nobody, graph=None, order=order, limit=100)

    anew = -1

    def jump(work: Work) -> object:
        nonlocal anew
        anew += 1  # to where nobody has been; the fleet has been counted
        return page_at(anew * 1_997 % (HOSTS - 100))(work)

    def page_at(offset: int) -> Callable[[Work], object]:
        return lambda work: envoys.page(work, online=envoys.nobody, graph=None, limit=100, offset=offset, extent=known)

    known = Extent()
    services.read_now(BENCH, page_at(0))
    for name, query, target in (
        ("page of 100 at the beginning", page(0), 20.0),
        ("page of 100 at offset 99,800", page(HOSTS - 200), 20.0),
        ("page of 100 wherever nobody has been", jump, 20.0),
        ("page of 100 after somebody came or went, counted anew", lambda work: page(0)(work), None),
        ("first 100 heard last", search(Search(), Order.LAST_SEEN), 20.0),
        ("100 by a glob that one in 200 meets", search(Search(hostname="*.p17.example.com")), 20.0),
        ("100 of the one per cent that failed", search(Search(convergence=Convergence.FAILED)), None),
    ):
        yield Figure(
            name=f"{name}, of {HOSTS:,} envoys, p99", value=_p99_ms(services, query, TIMES if target else 10), unit="ms", target=target,
            note="the query and the models, on one reader",
        )  # fmt: skip
    began = time.perf_counter()
    asyncio.run(census.Census(services).count(BENCH))
    yield Figure(
        name=f"{HOSTS:,} envoys counted anew", value=(time.perf_counter() - began) * 1e3, unit="ms",
        note="every ten minutes, and when another commit is in force; else only those are looked at who reported, came or went",
    )  # fmt: skip


def _p99_ms(services: Services, query: Callable[[Work], object], times: int) -> float:
    took = []
    services.db.read_now(lambda session: _timed(session, query))  # the first of all learns what the others are told
    for _ in range(times):
        # Processor time of this thread: the machine may be shared.
        took.append(services.db.read_now(lambda session: _timed(session, query)))
    return sorted(took)[-1 - times // 100] * 1e3


def _timed(session: Any, query: Callable[[Work], object]) -> float:
    work = Work(BENCH, session, SystemClock())
    began = time.thread_time()
    query(work)
    return time.thread_time() - began


def _fill(session: Any) -> None:
    hosts = [
        (
            DEFAULT_PROJECT, f"01a20000-0000-7000-8000-{n:012x}", f"web{n * 7919 % HOSTS:06d}.p{n % 200}.example.com",
            "e" * 64, "f" * 64, NOW - n, NOW + n * 31 % HOSTS, "127.0.0.1", "1.2.3",
            f"01a20000-0000-7000-9000-{n:012x}", NOW, "failed" if n % 100 == 0 else "converged", f"{n % 200:064x}",
            False, 49, 0, int(n % 100 == 0), 0, "",
        )
        for n in range(HOSTS)
    ]  # fmt: skip
    names = (
        "project_id, id, hostname, ed25519, x25519, enrolled_at, last_seen_at, ip_address, agent_version, run_id, "
        "run_started_at, run_status, run_catalog_sha256, run_stale, run_unchanged, run_changed, run_failed, "
        "run_corrective, refusal"
    )
    connection = session.connection()
    places = ", ".join("?" * len(hosts[0]))
    connection.exec_driver_sql(f"INSERT INTO envoys ({names}) VALUES ({places})", hosts)

"""The audit chain: how fast it is verified, how fast it grows, and what one request costs the API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from api.services import audit
from api.services.container import Services
from api.services.work import Actor, Work
from api.settings import Settings
from api.storage.database import Database
from schema.access import Role
from schema.ids import DEFAULT_PROJECT
from tests.bench.figures import Figure, best
from tests.server import Server

ENTRIES = 50_000
WRITERS = 64
SYSTEM = Actor.system("bench")


def run() -> Iterator[Figure]:
    """Targets are RELIABILITY's: 50,000 entries verified a second, 1,000 written."""
    with TemporaryDirectory() as folder:
        services = Services(Settings(data_dir=Path(folder)), Database.open(Path(folder) / "vigo.db"))
        yield from _writes(services)
        services.write_now(SYSTEM, _many)
        total = audit.verify(lambda query: services.read_now(SYSTEM, query), DEFAULT_PROJECT).entry_count
        seconds = best(lambda: audit.verify(lambda query: services.read_now(SYSTEM, query), DEFAULT_PROJECT), times=3)
        yield Figure(
            name="audit: verify one entry, chain and payload", value=seconds / total * 1e6, unit="µs", target=20.0,
            note=f"{total / seconds:,.0f} entries a second",
        )  # fmt: skip
        services.db.close_now()
    with TemporaryDirectory() as folder:
        yield from _requests(Path(folder))


def _writes(services: Services) -> Iterator[Figure]:
    took: list[float] = []

    async def client() -> None:
        for _ in range(30):
            begun = time.perf_counter()
            await services.write(SYSTEM, _one)
            took.append(time.perf_counter() - begun)

    async def all_at_once() -> float:
        begun = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(WRITERS)))
        return time.perf_counter() - begun

    seconds = asyncio.run(all_at_once())
    took.sort()
    yield Figure(
        name=f"audit: one durable entry, {WRITERS} writers at once", value=seconds / len(took) * 1e3, unit="ms", target=1.0,
        note=f"{len(took) / seconds:,.0f} units a second, {services.db.writer.commits} commits",
    )  # fmt: skip
    yield Figure(
        name="audit: 99th percentile of those", value=took[int(len(took) * 0.99)] * 1e3, unit="ms", target=100.0
    )


def _requests(folder: Path) -> Iterator[Figure]:
    server = Server(folder)

    async def ask(count: int) -> float:
        async with server.client() as client:
            headers = {"authorization": f"Bearer {server.tokens[Role.ADMIN]}"}
            begun = time.perf_counter()
            for _ in range(count):
                answer = await client.get("/api/v1/config/version", headers=headers)
                assert answer.status_code == 200
            return (time.perf_counter() - begun) / count

    asyncio.run(ask(50))
    yield Figure(
        name="API: one small authenticated read, without sockets",
        value=asyncio.run(ask(300)) * 1e3,
        unit="ms",
        target=10.0,
    )
    server.close()


def _one(work: Work) -> None:
    work.audit("note.write", "note", "1", payload={"text": "x" * 100})


def _many(work: Work) -> None:
    for number in range(ENTRIES):
        work.audit("note.write", "note", str(number), payload={"number": number, "text": "x" * 100})

"""The census: whatever happens to hosts, its counts are those of a look at all of them; and it looks at few."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from api.services import envoys
from api.services.census import WHOLE_EVERY_S, Census
from api.services.container import Services
from api.services.passwords import Passwords
from api.services.work import Actor
from api.settings import Settings
from api.storage import envoys as rows
from api.storage import runs as run_rows
from api.storage.envoys import Known
from schema.ids import DEFAULT_PROJECT, new_id
from schema.protocol.reports import RunStatus
from tests.factories.ended import ended
from tests.server import NOON, FakeClock, fresh

SYSTEM = Actor.system("test")
SECOND = 1_000_000


class Fleet:
    """Hosts that come, go, report, and are enrolled and revoked; each is told as the server tells it."""

    def __init__(self, services: Services, clock: FakeClock) -> None:
        self.services, self.clock = services, clock
        self.connected: set[str] = set()
        self.ids: list[str] = []
        services.gateway = SimpleNamespace(online=self.connected.__contains__)

    def enrol(self) -> str:
        envoy = Known(id=new_id(), hostname=f"{new_id()}.example.com", ed25519="e", x25519="f", enrolled_at=NOON)
        self.services.db.write_now(lambda session: rows.add(session, DEFAULT_PROJECT, envoy))
        self.ids.append(envoy.id)
        self.services.events.publish("envoy.enrolled", id=envoy.id, hostname=envoy.hostname)
        return envoy.id

    def revoke(self, envoy_id: str) -> None:
        self.ids.remove(envoy_id)
        self.connected.discard(envoy_id)
        self.services.db.write_now(lambda session: rows.revoke(session, DEFAULT_PROJECT, envoy_id, now=1))
        self.services.events.publish("envoy.revoked", id=envoy_id)

    def come(self, envoy_id: str) -> None:
        self.connected.add(envoy_id)
        self.seen(envoy_id)
        self.services.events.publish("envoy.online", id=envoy_id, hostname="")

    def leave(self, envoy_id: str) -> None:
        self.connected.discard(envoy_id)
        self.services.events.publish("envoy.offline", id=envoy_id, hostname="")
        self.seen(envoy_id)

    def seen(self, envoy_id: str) -> None:
        heard = [(envoy_id, self.clock.now(), "127.0.0.1", "1")]
        self.services.db.write_now(lambda session: rows.saw(session, DEFAULT_PROJECT, heard))

    def report(self, envoy_id: str, status: RunStatus, *, failed: int = 0) -> None:
        run = ended(envoy_id, status, received_at=self.clock.now(), unchanged=3, failed=failed)
        self.services.db.write_now(lambda session: run_rows.add(session, DEFAULT_PROJECT, [run]))
        self.services.events.publish("run.finished", envoy_id=envoy_id, dry_run=False)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    passwords, clock = Passwords(memory_kib=8, passes=1), FakeClock()
    services = Services(Settings(data_dir=tmp_path), fresh(tmp_path / "vigo.db"), clock=clock, passwords=passwords)
    yield Fleet(services, clock)
    passwords.close()
    services.db.close_now()


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_the_counts_are_those_of_a_look_at_all(fleet: Fleet, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(12):
        fleet.enrol()

    def happen() -> None:
        envoy_id = chance.choice(fleet.ids)
        match chance.randrange(8):
            case 0:
                fleet.enrol()
            case 1 if len(fleet.ids) > 5:
                fleet.revoke(envoy_id)
            case 2 | 3:
                fleet.come(envoy_id)
            case 4:
                fleet.leave(envoy_id)
            case 5:
                fleet.report(envoy_id, RunStatus.CONVERGED)
            case 6:
                fleet.report(envoy_id, RunStatus.FAILED, failed=1)
            case _:
                fleet.clock.advance(chance.choice([1, 40, 100]))

    async def story() -> None:
        census = Census(fleet.services)
        known: set[str] = set()
        with census.listening():
            for _ in range(60):
                happen()
                if chance.random() < 0.4:
                    counts = await census.count(SYSTEM)
                    assert counts == await Census(fleet.services).count(SYSTEM)
                    assert counts["total"] == len(fleet.ids) == counts["online"] + counts["offline"]
                    known = (known | census.moved()) & {each for each in census.ids() if census.get(each)}
                    assert known == set(fleet.ids)

    asyncio.run(story())


def test_it_looks_at_those_of_whom_something_was_told_and_now_and_then_at_all(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Sequence[str] | None] = []
    judged = envoys.judged

    def watched(*args: Any, ids: Sequence[str] | None = None, **more: Any) -> Any:
        looks.append(ids)
        return judged(*args, ids=ids, **more)

    monkeypatch.setattr(envoys, "judged", watched)
    for _ in range(20):
        fleet.come(fleet.enrol())
    web, other = fleet.ids[:2]

    async def story() -> None:
        census = Census(fleet.services)
        with census.listening():
            await census.count(SYSTEM)
            assert (await census.count(SYSTEM))["online"] == 20
            assert looks == [None]
            fleet.report(web, RunStatus.CONVERGED)
            fleet.leave(other)
            assert (await census.count(SYSTEM))["online"] == 20
            assert looks == [None, sorted([web, other])]
            fleet.clock.advance(200)  # by time alone it is offline
            assert (await census.count(SYSTEM))["online"] == 19
            await census.count(SYSTEM)
            assert looks[2:] == [[other]]
            fleet.clock.advance(WHOLE_EVERY_S)
            await census.count(SYSTEM)
            assert looks[3:] == [None]

    asyncio.run(story())


def test_what_was_told_while_the_database_did_not_answer_is_not_lost(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(8):
        fleet.come(fleet.enrol())

    async def story() -> None:
        census = Census(fleet.services)
        with census.listening():
            await census.count(SYSTEM)
            fleet.report(fleet.ids[0], RunStatus.CONVERGED)

            async def fail(*_: Any) -> Any:
                raise TimeoutError

            with monkeypatch.context() as patched:
                patched.setattr(fleet.services, "read", fail)
                with pytest.raises(TimeoutError):
                    await census.count(SYSTEM)
            assert (await census.count(SYSTEM))["converged"] == 1

    asyncio.run(story())

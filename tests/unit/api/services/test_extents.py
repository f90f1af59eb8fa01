"""What is remembered of a fleet's extent is what counting it anew would say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import Session

from api.services import envoys, extents
from api.services.clock import SystemClock
from api.services.container import Services
from api.services.extents import Extent, Kind
from api.services.passwords import Passwords
from api.services.work import Actor
from api.settings import Settings
from api.storage import envoys as rows
from api.storage.database import Database
from api.storage.envoys import Known, Place
from schema.envoys import EnvoyPage
from schema.ids import DEFAULT_PROJECT

SYSTEM = Actor.system("test")
LIVE, ALL = Kind(DEFAULT_PROJECT, include_revoked=False), Kind(DEFAULT_PROJECT, include_revoked=True)


class Skipping(SystemClock):
    """A clock that can be set on."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    monkeypatch.setattr(extents, "MIN_TOTAL", 3)
    database = Database.open(tmp_path / "vigo.db")
    services = Services(
        Settings(data_dir=tmp_path), database, clock=Skipping(), passwords=Passwords(memory_kib=8, passes=1)
    )
    yield services
    database.close_now()
    services.passwords.close()


def enrol(services: Services, name: str) -> str:
    envoy_id = f"01a20000-0000-7000-8000-{abs(hash(name)) % 10**12:012d}"

    def add(session: Session) -> None:
        rows.add(session, DEFAULT_PROJECT, Known(envoy_id, f"{name}.example.com", "e" * 64, "f" * 64, 1))

    services.db.write_now(add)
    return envoy_id


def page(services: Services, *, limit: int = 2, offset: int = 0, include_revoked: bool = False) -> EnvoyPage:
    extent = extents.now(services)
    return services.read_now(
        SYSTEM,
        lambda work: envoys.page(
            work, online=envoys.nobody, graph=None, limit=limit, offset=offset, include_revoked=include_revoked,
            extent=extent,
        ),
    )  # fmt: skip


def names(found: EnvoyPage) -> list[str]:
    return [envoy.hostname.partition(".")[0] for envoy in found.envoys]


def test_a_walk_says_what_pages_by_number_say(services: Services) -> None:
    for name in "gfedcba":
        enrol(services, name)
    for _ in range(2):  # the second goes by what the first has learnt
        walked = [page(services, offset=offset) for offset in (0, 2, 4, 6, 8)]
        assert [names(one) for one in walked] == [["a", "b"], ["c", "d"], ["e", "f"], ["g"], []]
        assert [(one.total, one.has_more, one.next_offset) for one in walked] == [
            (7, True, 2), (7, True, 4), (7, True, 6), (7, False, 7), (7, False, 8),
        ]  # fmt: skip
    assert names(page(services, limit=5, offset=1)) == ["b", "c", "d", "e", "f"]
    assert names(page(services, limit=1, offset=6)) == ["g"]
    assert names(page(services, offset=7)) == []


def test_who_came_or_went_is_counted_as_soon_as_it_is_told(services: Services) -> None:
    ids = [enrol(services, name) for name in "abcd"]
    assert page(services).total == page(services, include_revoked=True).total == 4
    before = extents.now(services)
    services.write_now(SYSTEM, lambda work: envoys.revoke(work, ids[1]))
    assert extents.now(services) is not before
    assert [names(page(services, offset=offset)) for offset in (0, 2)] == [["a", "c"], ["d"]]
    assert (page(services).total, page(services, include_revoked=True).total) == (3, 4)
    assert names(page(services, offset=2, include_revoked=True)) == ["c", "d"]
    enrol(services, "aa")
    services.events.publish("envoy.enrolled", id="x", hostname="aa.example.com")
    assert names(page(services)) == ["a", "aa"]
    assert page(services).total == 4


def test_what_another_server_did_is_seen_within_a_minute(services: Services) -> None:
    for name in "abc":
        enrol(services, name)
    assert page(services).total == 3
    enrol(services, "d")
    assert page(services).total == 3
    assert isinstance(services.clock, Skipping)
    services.clock.ahead_s = extents.MAX_AGE_S
    assert page(services).total == 4


def test_a_small_fleet_is_counted_and_places_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extents, "MAX_PLACES", 2)
    extent = Extent()
    extent.learn(LIVE, extents.MIN_TOTAL - 1, 2, Place("a", "1"))
    assert (extent.total(LIVE), extent.before(LIVE, 2)) == (None, None)
    for offset in (1, 2, 3):
        extent.learn(LIVE, extents.MIN_TOTAL, offset, Place("a", str(offset)))
    assert [extent.before(LIVE, offset) for offset in (1, 2, 3)] == [None, Place("a", "2"), Place("a", "3")]
    assert (extent.total(LIVE), extent.total(ALL)) == (extents.MIN_TOTAL, None)

"""Lists of the fleet: every filter and order against a naive look at all of it, page by page."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.services import envoys, rosters
from api.services.container import Services
from api.services.passwords import Passwords
from api.services.rosters import Order, Place, Search
from api.services.work import Actor
from api.settings import Settings
from api.storage import envoys as rows
from api.storage import runs as run_rows
from api.storage.envoys import Known
from schema.envoys import Convergence, Drift, Envoy, Reachability
from schema.ids import DEFAULT_PROJECT, new_id
from schema.protocol.reports import RunStatus
from tests.factories.ended import ended
from tests.server import NOON, FakeClock, fresh

SYSTEM = Actor.system("test")
SECOND = 1_000_000


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder: Path = tmp_path_factory.mktemp("fleet")
    passwords = Passwords(memory_kib=8, passes=1)
    services = Services(Settings(data_dir=folder), fresh(folder / "vigo.db"), clock=FakeClock(), passwords=passwords)
    chance = random.Random(7)

    def fill(session: Any) -> None:
        for number in range(120):
            envoy = Known(
                id=new_id(), hostname=f"web{number:03d}.p{number % 3}.example.com", ed25519="e" * 64, x25519="f" * 64,
                enrolled_at=NOON - chance.randrange(5) * SECOND,
            )  # fmt: skip
            rows.add(session, DEFAULT_PROJECT, envoy)
            if number % 5:
                seen = NOON - chance.randrange(5) * SECOND
                rows.saw(session, DEFAULT_PROJECT, [(envoy.id, seen, "127.0.0.1", f"1.{number % 2}")])
            if number % 7:
                failed = number % 11 == 0
                status = RunStatus.FAILED if failed else RunStatus.CONVERGED
                seen = NOON - chance.randrange(5) * SECOND
                run = ended(
                    envoy.id, status, received_at=seen, unchanged=0 if failed else 3, failed=int(failed),
                    corrective=int(number % 13 == 0),
                )  # fmt: skip
                run_rows.add(session, DEFAULT_PROJECT, [run])

    services.db.write_now(fill)
    yield services
    passwords.close()
    services.db.close_now()


def connected(envoy_id: str) -> bool:
    return envoy_id[-1] in "01234567"


def walk(fleet: Services, wanted: Search, order: Order = Order.HOSTNAME, size: int = 7) -> list[Envoy]:
    """All pages, one after the other."""
    found: list[Envoy] = []
    after: Place | None = None
    for _ in range(200):
        page = fleet.read_now(
            SYSTEM,
            lambda work, after=after: rosters.search(
                work, wanted, online=connected, graph=None, order=order, after=after, limit=size
            ),
        )
        found += page.envoys
        if not page.more:
            return found
        after = page.place
    raise AssertionError("pages without an end")


def everybody(fleet: Services) -> list[Envoy]:
    return fleet.read_now(SYSTEM, lambda work: envoys.page(work, online=connected, graph=None)).envoys


FILTERS = [
    (Search(), lambda one: True),
    (Search(hostname="*.p1.example.com"), lambda one: ".p1." in one.hostname),
    (Search(hostname="web01?.*"), lambda one: one.hostname.startswith("web01")),
    (Search(hostname="WEB003.p0.example.com"), lambda one: one.hostname == "web003.p0.example.com"),
    (Search(hostname="web0[12]*"), lambda one: one.hostname[:5] in {"web01", "web02"}),
    (Search(hostname="/web0.5.*/"), lambda one: one.hostname[5] == "5" and one.hostname[3] == "0"),
    (Search(agent_version="1.1"), lambda one: one.agent_version == "1.1"),
    (Search(reachability=Reachability.ONLINE), lambda one: one.reachability == "online"),
    (Search(reachability=Reachability.OFFLINE), lambda one: one.reachability == "offline"),
    (Search(drift=Drift.DIVERGED), lambda one: one.drift == "diverged"),
    (Search(convergence=Convergence.FAILED), lambda one: one.convergence is Convergence.FAILED),
    (Search(convergence=Convergence.NO_DATA), lambda one: one.convergence is Convergence.NO_DATA),
    (Search(seen_since=NOON - 2 * SECOND), lambda one: (one.last_seen or 0) >= NOON - 2 * SECOND),
    (Search(seen_until=NOON - 2 * SECOND), lambda one: (one.last_seen or 0) < NOON - 2 * SECOND),
    (Search(environment="nowhere"), lambda one: False),
    (Search(tag="nobody"), lambda one: False),
]


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize(("wanted", "fits"), FILTERS, ids=[str(number) for number in range(len(FILTERS))])
def test_pages_have_each_envoy_that_fits_once_and_in_order(
    fleet: Services, order: Order, wanted: Search, fits: Any
) -> None:
    keys: dict[Order, Any] = {
        Order.HOSTNAME: lambda one: (one.hostname, one.id),
        Order.LAST_SEEN: lambda one: (one.last_seen is not None, one.last_seen or 0, one.id),
        Order.ENROLLED: lambda one: (one.enrolled_at, one.id),
    }
    fitting = [
        one.id for one in sorted(everybody(fleet), key=keys[order], reverse=order is not Order.HOSTNAME) if fits(one)
    ]
    assert [one.id for one in walk(fleet, wanted, order)] == fitting


def test_drift_is_filtered_by_what_the_last_run_found(fleet: Services) -> None:
    found = {drift: {one.id for one in walk(fleet, Search(drift=drift))} for drift in Drift}
    assert sum(map(len, found.values())) == 120
    assert set().union(*found.values()) == {one.id for one in everybody(fleet)}
    diverged = {one.hostname[3:6] for one in everybody(fleet) if one.id in found[Drift.DIVERGED]}
    assert diverged == {f"{n:03d}" for n in range(120) if n % 7 and (n % 13 == 0 or n % 11 == 0)}


def test_a_search_that_finds_few_among_many_ends_early_and_says_where_to_go_on(
    fleet: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rosters, "MAX_LOOKED_AT", 20)
    monkeypatch.setattr(rosters, "DEFAULT_PAGE", 10)
    wanted = Search(convergence=Convergence.FAILED)
    first = fleet.read_now(SYSTEM, lambda work: rosters.search(work, wanted, online=connected, graph=None, limit=50))
    assert first.more
    assert len(first.envoys) < 5
    complete = [one.id for one in everybody(fleet) if one.convergence is Convergence.FAILED]
    assert [one.id for one in walk(fleet, wanted, size=50)] == complete


def test_deep_pages_by_number_go_through_the_whole_fleet(fleet: Services) -> None:
    found: list[str] = []
    page = fleet.read_now(SYSTEM, lambda work: envoys.page(work, online=connected, graph=None, limit=50))
    while True:
        found += [one.id for one in page.envoys]
        assert page.total == 120
        if not page.has_more:
            break
        offset = page.next_offset
        page = fleet.read_now(
            SYSTEM, lambda work, offset=offset: envoys.page(work, online=connected, graph=None, limit=50, offset=offset)
        )
    assert found == [one.id for one in everybody(fleet)]


def test_a_tag_and_an_environment_choose(fleet: Services) -> None:
    from api.storage import tags

    some = everybody(fleet)[3]
    fleet.db.write_now(lambda session: tags.put(session, DEFAULT_PROJECT, some.hostname, ["canary"]))
    try:
        assert [one.id for one in walk(fleet, Search(tag="canary"))] == [some.id]
        assert walk(fleet, replace(Search(tag="canary"), agent_version="no such")) == []
    finally:
        fleet.db.write_now(lambda session: tags.put(session, DEFAULT_PROJECT, some.hostname, []))

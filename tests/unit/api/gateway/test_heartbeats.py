"""Check-ins: one exchange each heartbeat, what is written of it, and what nobody asks while nothing happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
import websockets

from api.gateway import gateway as gateways
from api.gateway import limits
from api.gateway.admission import Pace
from api.gateway.directory import Directory
from api.services.approvals import Approvals
from api.services.catalogs import Catalogs
from api.services.container import Services
from api.services.passwords import Passwords
from api.services.probes import Probes
from api.settings import Settings
from api.storage import envoys
from api.storage.enrolment import CertificateRow
from api.storage.envoys import Known
from schema.ids import DEFAULT_PROJECT, new_id
from schema.time import DAY, SECOND
from tests.server import FakeClock, fresh

from .conftest import Site, until

Run = Callable[..., None]


def test_who_answers_is_seen_when_it_answered(run_with_gateway: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateways, "SEEN_EVERY_S", 0.0)
    monkeypatch.setattr(gateways, "NEWS_EVERY_S", 0.05)

    async def story(site: Site) -> None:
        web = site.enrol()
        async with site.welcomed(web):
            await until(lambda: len({seen.at for seen in site.fleet.sightings}) >= 3)
            heard = [seen.at for seen in site.fleet.sightings]
            # Each is reckoned back from another reading of two clocks, between which this process may stand still.
            assert all(later - earlier > -SECOND for earlier, later in pairwise(heard))
            assert heard[-1] <= site.clock.now()

    run_with_gateway(story, heartbeat_s=0.1)


def test_connections_are_looked_through_when_other_certificates_count(run_with_gateway: Run) -> None:
    async def story(site: Site) -> None:
        web = site.enrol()
        rolls = [7]

        async def refresh() -> int:
            return rolls[-1]

        site.fleet.refresh = refresh  # type: ignore[method-assign]
        assert site.gateway is not None
        async with site.welcomed(web) as socket:
            await site.gateway.recheck()
            del site.fleet.live[web.peer.fingerprint]
            await site.gateway.recheck()
            assert site.gateway.online(web.peer.envoy_id)
            rolls.append(8)
            await site.gateway.recheck()
            with pytest.raises(websockets.ConnectionClosed):
                await socket.recv()

    run_with_gateway(story)


def test_the_table_of_certificates_is_another_one_when_one_ends_and_when_the_clock_goes_back(tmp_path: Path) -> None:
    passwords, clock = Passwords(memory_kib=8, passes=1), FakeClock()
    services = Services(Settings(data_dir=tmp_path), fresh(tmp_path / "vigo.db"), clock=clock, passwords=passwords)
    ends = clock.now() + 30 * DAY
    web = Known(id=new_id(), hostname="web.example.com", ed25519="e", x25519="f", enrolled_at=1)
    services.db.write_now(lambda session: envoys.add(session, DEFAULT_PROJECT, web))
    kept = CertificateRow(
        project_id=DEFAULT_PROJECT, sha256="c", envoy_id=web.id, serial="s", not_before=1, not_after=ends, issued_at=1
    )
    services.db.write_now(lambda session: session.add(kept))
    catalogs, approvals, probes = cast("Catalogs", None), cast("Approvals", None), cast("Probes", None)
    directory = Directory(services, catalogs, tell=print, stalled=str, awaited=str, approvals=approvals, probes=probes)

    async def story() -> None:
        first = await directory.refresh()
        assert directory.identify("c") is not None
        assert await directory.refresh() == first
        clock.advance(31 * DAY / 1e6)
        ended = await directory.refresh()
        assert ended != first
        assert await directory.refresh() == ended
        clock.advance(-2 * DAY / 1e6)
        assert await directory.refresh() != ended
        assert directory.identify("c") is not None

    asyncio.run(story())
    passwords.close()
    services.db.close_now()


def test_a_rest_counts_as_being_on_time() -> None:
    watched, rested = Pace(), Pace()
    for _ in range(20):
        watched.observe(0.0)
    assert rested.rested(20 * limits.PACE_S, 1e9) == pytest.approx(watched.rate)

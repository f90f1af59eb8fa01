"""Reports that come together: stored together, answered each for itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from api.gateway import limits
from api.gateway.inbox import Inbox
from api.services import runs
from api.services.container import Services
from api.services.passwords import Passwords
from api.services.work import Actor
from api.settings import Settings
from api.storage import assignments as assignment_rows
from api.storage import envoys as envoy_rows
from api.storage.assignments import Stored
from api.storage.database import DatabaseUnavailable
from api.storage.envoys import Known
from schema.errors import Fault
from schema.ids import DEFAULT_PROJECT, new_id, sha256
from schema.protocol.reports import Outcome, Report, ResourceReport, RunStatus, Trigger
from schema.protocol.signed import Signed
from tests.server import fresh

HOSTS = 20


class Fleet:
    """Hosts with an assignment each, and the inbox over a database."""

    def __init__(self, folder: Path) -> None:
        passwords = Passwords(memory_kib=8, passes=1)
        self.services = Services(Settings(data_dir=folder), fresh(folder / "vigo.db"), passwords=passwords)
        self.ids = [new_id() for _ in range(HOSTS)]
        self.services.db.write_now(self._fill)

    def _fill(self, session: Any) -> None:
        for number, envoy_id in enumerate(self.ids):
            known = Known(id=envoy_id, hostname=f"h{number}.x", ed25519="e" * 64, x25519="f" * 64, enrolled_at=1)
            envoy_rows.add(session, DEFAULT_PROJECT, known)
        assignment_rows.put(session, DEFAULT_PROJECT, [_stored(envoy_id) for envoy_id in self.ids])

    def report(self, envoy_id: str, **changes: Any) -> Report:
        fields: dict[str, Any] = {
            "id": new_id(), "assignment_sha256": sha256(envoy_id.encode()), "epoch": 1, "generation": 1,
            "commit": "d" * 40, "catalog_sha256": "c" * 64, "trigger": Trigger.APPLY, "started": 1, "finished": 2,
            "status": RunStatus.CONVERGED,
            "resources": [ResourceReport(id="a/1", type="file", outcome=Outcome.UNCHANGED)],
        }  # fmt: skip
        return Report(**(fields | changes))

    def send(self, reports: list[tuple[str, Report]]) -> list[object]:
        """All at once; for each None, or the fault that its sender is told."""

        async def main() -> list[object]:
            self.inbox = Inbox(self.services)
            actors = [Actor.agent(envoy_id, "h", DEFAULT_PROJECT) for envoy_id, _ in reports]
            sending = [self.inbox.put(actor, one, "e" * 64) for actor, (_, one) in zip(actors, reports, strict=True)]
            return list(await asyncio.gather(*sending, return_exceptions=True))

        return asyncio.run(main())

    def stored(self) -> set[str]:
        query = text("SELECT report_id FROM runs")
        return set(self.services.db.read_now(lambda session: session.execute(query).scalars().all()))

    def execute(self, statement: str) -> None:
        self.services.db.write_now(lambda session: session.connection().exec_driver_sql(statement))


def _stored(envoy_id: str) -> Stored:
    digest = sha256(envoy_id.encode())
    return Stored(envoy_id, 1, 1, digest, "d" * 40, "c" * 64, "0" * 64, "p", "e", "{}", "", "", 1, 2)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path)
    yield made
    made.services.passwords.close()
    made.services.db.close_now()


def test_reports_that_come_together_are_one_unit_of_work(fleet: Fleet) -> None:
    reports = [(envoy_id, fleet.report(envoy_id)) for envoy_id in fleet.ids]
    assert fleet.send(reports) == [None] * HOSTS
    assert fleet.inbox.units == 1
    assert fleet.stored() == {one.id for _, one in reports}


def test_one_refused_report_among_many_is_refused_alone(fleet: Fleet) -> None:
    reports = [(envoy_id, fleet.report(envoy_id)) for envoy_id in fleet.ids]
    foreign, strange, forged = 3, 7, 11
    reports[foreign] = (fleet.ids[foreign], fleet.report(fleet.ids[foreign], assignment_sha256="0" * 64))
    reports[strange] = (fleet.ids[strange], fleet.report(fleet.ids[strange], started=2**57))
    receipt = Signed(body="{}", key_id="0" * 64, signature="AAAA")
    reports[forged] = (fleet.ids[forged], fleet.report(fleet.ids[forged], receipt=receipt))
    told = fleet.send(reports)
    assert isinstance(told[foreign], runs.ForeignReport)
    assert isinstance(told[strange], runs.BadReport)
    assert [one for place, one in enumerate(told) if place not in {foreign, strange}] == [None] * (HOSTS - 2)
    assert fleet.stored() == {one.id for place, (_, one) in enumerate(reports) if place not in {foreign, strange}}
    query = text("SELECT operator, actor_id, kind FROM audit_entries")
    (entry,) = fleet.services.db.read_now(lambda session: [tuple(row) for row in session.execute(query)])
    assert entry == ("h", fleet.ids[forged], "envoy_receipt_forged")


def test_a_report_that_the_database_refuses_takes_no_other_with_it(fleet: Fleet) -> None:
    reports = [(envoy_id, fleet.report(envoy_id)) for envoy_id in fleet.ids]
    fleet.execute(
        f"CREATE TRIGGER no BEFORE INSERT ON runs WHEN NEW.report_id = '{reports[5][1].id}' "
        "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
    )
    told = fleet.send(reports)
    assert isinstance(told[5], Exception)
    assert [one for place, one in enumerate(told) if place != 5] == [None] * (HOSTS - 1)
    assert fleet.stored() == {one.id for place, (_, one) in enumerate(reports) if place != 5}


def test_a_report_that_comes_twice_at_once_is_stored_once(fleet: Fleet) -> None:
    one = (fleet.ids[0], fleet.report(fleet.ids[0]))
    assert fleet.send([one, one, one]) == [None] * 3
    assert fleet.send([one]) == [None]
    assert fleet.services.db.read_now(lambda session: session.execute(text("SELECT COUNT(*) FROM runs")).scalar()) == 1


def test_more_than_fit_into_one_unit_are_stored_in_several_in_the_order_they_came(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REPORTS_AT_ONCE", 7)
    reports = [(fleet.ids[0], fleet.report(fleet.ids[0])) for _ in range(30)]
    assert fleet.send(reports) == [None] * 30
    assert fleet.inbox.units == 5
    query = text("SELECT report_id FROM runs ORDER BY sequence")
    found = fleet.services.db.read_now(lambda session: list(session.execute(query).scalars()))
    assert found == [one.id for _, one in reports]


def test_when_the_database_is_gone_every_sender_is_told_and_sends_again(fleet: Fleet) -> None:
    reports = [(envoy_id, fleet.report(envoy_id)) for envoy_id in fleet.ids]
    fleet.services.db.writer.close()
    told = fleet.send(reports)
    assert all(isinstance(one, DatabaseUnavailable | Fault) for one in told)
    assert fleet.stored() == set()

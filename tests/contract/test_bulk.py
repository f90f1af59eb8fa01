"""Many rows in one statement: all in, or none; the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from api.storage import bulk, envoys, runs
from api.storage.database import Database
from api.storage.engines import DatabaseConflict, DatabaseUnavailable
from api.storage.envoys import Known
from schema.errors import Fault
from schema.ids import DEFAULT_PROJECT, new_id
from schema.protocol.reports import RunStatus
from tests.factories.ended import ended


@pytest.fixture
def ids(database: Database) -> list[str]:
    """Hosts that reports can come from."""
    found = [new_id() for _ in range(3)]

    def fill(session: object) -> None:
        for number, envoy_id in enumerate(found):
            known = Known(envoy_id, f"h{number}.x", "e" * 64, "f" * 64, enrolled_at=1)
            envoys.add(session, DEFAULT_PROJECT, known)  # type: ignore[arg-type]

    database.write_now(fill)  # type: ignore[arg-type]
    return found


def count(database: Database) -> int:
    return int(database.read_now(lambda session: session.execute(text("SELECT COUNT(*) FROM runs")).scalar_one()))


def test_rows_of_any_number_are_inserted_once_each(database: Database, ids: list[str]) -> None:
    for number in (1, 2, 3, bulk.MOST + 7):
        before = count(database)
        many = [ended(ids[place % 2], error=f"é\t\\.\n{place}", resources=bytes(range(256))) for place in range(number)]
        database.write_now(lambda session, many=many: runs.add(session, DEFAULT_PROJECT, many))  # type: ignore[misc]
        kept = database.read_now(lambda session: runs.page(session, DEFAULT_PROJECT, limit=1000))
        assert count(database) == min(before + number, 2 * runs.KEEP)
        assert [run.error for _, run in kept[:number]] == [one.error for one in reversed(many)][: len(kept)]


def test_where_one_row_is_not_allowed_none_is_inserted_and_whoever_writes_next_can(
    database: Database, ids: list[str]
) -> None:
    first = ended(ids[0])
    database.write_now(lambda session: runs.add(session, DEFAULT_PROJECT, [first]))
    for wrong, told in (
        (ended(ids[1], id=first.id), DatabaseConflict),
        (ended(new_id()), Exception),
        (ended(ids[1], trigger=None), Exception),
        (ended(ids[1], finished_at=2**70), Exception),
        (ended(ids[1], resources=None), Exception),
    ):
        unit = [ended(ids[2]), wrong, ended(ids[2])]
        with pytest.raises(told) as raised:
            database.write_now(lambda session, unit=unit: runs.add(session, DEFAULT_PROJECT, unit))  # type: ignore[misc]
        assert not isinstance(raised.value, DatabaseUnavailable)
        assert isinstance(raised.value, Fault) == (told is DatabaseConflict)
        assert database.writer.is_alive
        database.write_now(lambda session: runs.add(session, DEFAULT_PROJECT, [ended(ids[0])]))
    assert count(database) == 6


def test_of_runs_that_come_together_the_envoy_remembers_its_last_that_was_no_dry_run(
    database: Database, ids: list[str]
) -> None:
    refused = ended(ids[0], RunStatus.REFUSED, error="no", received_at=7)
    last = ended(ids[0], unchanged=3, received_at=9)
    unit = [refused, ended(ids[1]), last, ended(ids[0], dry_run=True), ended(ids[1], RunStatus.REFUSED, error="so")]
    database.write_now(lambda session: runs.add(session, DEFAULT_PROJECT, unit))
    one, other, silent = (
        database.read_now(lambda session, each=each: envoys.find(session, DEFAULT_PROJECT, each))  # type: ignore[misc]
        for each in ids
    )
    assert (one.run.run_id, one.run.unchanged, one.refusal, one.last_seen_at) == (last.id, 3, "", 9)
    assert (other.run.run_id, other.run.status, other.refusal) == (unit[4].id, RunStatus.REFUSED, "so")
    assert (silent.run, silent.last_seen_at) == (None, None)

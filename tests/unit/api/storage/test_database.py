"""The database: what is acknowledged is there, what failed left nothing, and what cannot be is said at once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import text
from sqlmodel import Session

from api.storage.database import Database, DatabaseInUse, ReadersBusy
from api.storage.engines import PRAGMAS, DatabaseFull, DatabaseUnavailable, UnsafeSqlite, check_sqlite, is_safe
from api.storage.writer import WriterBusy
from schema.errors import Conflict
from schema.ids import DEFAULT_PROJECT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "vigo.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    opened = Database.open(path, readers=2, depth=50)
    opened.write_now(lambda session: session.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT)")))
    yield opened
    opened.close_now()


def put(number: int, body: str = "x") -> Callable[[Session], int]:
    def unit(session: Session) -> int:
        session.execute(text("INSERT INTO notes VALUES (:id, :body)"), {"id": number, "body": body})
        return number

    return unit


def numbers(session: Session) -> list[int]:
    return list(session.scalars(text("SELECT id FROM notes ORDER BY id")))


def held(database: Database) -> Callable[[], Future[None]]:
    """Keep the writer busy until released, so that what is submitted meanwhile shares a batch."""
    release, busy = threading.Event(), threading.Event()

    def wait(_: Session) -> None:
        busy.set()
        release.wait(60)

    future = database.writer.submit(wait)
    busy.wait(60)

    def let_go() -> Future[None]:
        release.set()
        return future

    return let_go


def test_an_acknowledged_unit_is_on_disk(database: Database, path: Path) -> None:
    assert database.write_now(put(1)) == 1
    with sqlite.connect(f"file:{path}?mode=ro", uri=True) as other:
        assert other.execute("SELECT id FROM notes").fetchall() == [(1,)]


def test_a_failed_unit_leaves_nothing_and_its_neighbours_all(database: Database) -> None:
    def broken(session: Session) -> None:
        put(2)(session)
        session.flush()
        raise LookupError("changed my mind")

    let_go = held(database)
    futures = [database.writer.submit(unit) for unit in (put(1), broken, put(3), put(1), put(4))]
    before = database.writer.commits
    let_go()
    assert futures[0].result(5) == 1
    with pytest.raises(LookupError):
        futures[1].result(5)
    assert futures[2].result(5) == 3
    with pytest.raises(Conflict):
        futures[3].result(5)
    assert futures[4].result(5) == 4
    assert database.read_now(numbers) == [1, 3, 4]
    assert database.writer.commits - before <= 2


def test_many_units_share_few_commits(database: Database) -> None:
    async def all_at_once() -> None:
        await asyncio.gather(*(database.write(put(number)) for number in range(40)))

    before = database.writer.commits
    asyncio.run(all_at_once())
    assert database.read_now(numbers) == list(range(40))
    assert database.writer.commits - before < 20


def test_a_unit_may_not_commit_by_itself(database: Database) -> None:
    def unit(session: Session) -> None:
        put(1)(session)
        session.commit()

    with pytest.raises(RuntimeError, match="committed by the database"):
        database.write_now(unit)
    assert database.read_now(numbers) == []


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        database.read_now(put(1))
    assert caught.value.details["cause"] == "SQLITE_READONLY"
    assert database.read_now(numbers) == []


def test_a_read_sees_one_state(database: Database) -> None:
    def twice(session: Session) -> tuple[list[int], list[int]]:
        first = numbers(session)
        database.write_now(put(1))
        return first, numbers(session)

    assert database.read_now(twice) == ([], [])
    assert database.read_now(numbers) == [1]


def test_a_read_that_takes_too_long_is_ended(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.storage.engines.READ_TIMEOUT_S", 0.05)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(DatabaseUnavailable):
        database.read_now(lambda session: session.execute(text(endless)).all())
    monkeypatch.undo()
    assert database.read_now(numbers) == []


def test_one_write_too_many_is_refused_and_the_others_happen(database: Database) -> None:
    let_go = held(database)
    futures = [database.writer.submit(put(number)) for number in range(50)]
    with pytest.raises(WriterBusy):
        database.writer.submit(put(99))
    let_go()
    assert [future.result(5) for future in futures] == list(range(50))
    assert database.read_now(numbers) == list(range(50))


def test_one_read_too_many_is_refused(path: Path) -> None:
    database = Database.open(path, readers=1, depth=1)
    release = threading.Event()
    futures = [database._submit_read(lambda _: release.wait(60)) for _ in range(2)]
    with pytest.raises(ReadersBusy):
        database._submit_read(lambda _: None)
    release.set()
    assert all(future.result(5) for future in futures)
    assert database.read_now(lambda _: 1) == 1
    database.close_now()


def test_a_full_disk_refuses_writes_loses_nothing_and_heals(database: Database) -> None:
    def limit(session: Session, pages: int) -> None:
        session.connection().exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    database.write_now(put(1))
    used = database.read_now(lambda s: s.execute(text("PRAGMA page_count")).scalar_one())
    database.write_now(lambda session: limit(session, used + 4))
    with pytest.raises(DatabaseFull) as caught:
        database.write_now(put(2, "y" * 1_000_000))
    assert caught.value.status == 507
    assert database.read_now(numbers) == [1]
    database.write_now(lambda session: limit(session, 1_000_000))
    database.write_now(put(3))
    assert database.read_now(numbers) == [1, 3]
    assert database.read_now(lambda s: s.execute(text("PRAGMA integrity_check")).scalar_one()) == "ok"


def test_a_transaction_that_is_lost_acknowledges_none_of_its_units(database: Database) -> None:
    def lose(session: Session) -> None:
        raw: Any = session.connection().connection.driver_connection
        raw.execute("ROLLBACK")  # as SQLite does by itself when a disk is full

    let_go = held(database)
    futures = [database.writer.submit(unit) for unit in (put(1), lose, put(2))]
    let_go()
    for future in futures[:2]:
        with pytest.raises(Exception, match=r"lost|savepoint|transaction"):
            future.result(5)
    assert futures[2].result(5) == 2
    assert database.read_now(numbers) == [2]


def test_a_unit_that_fills_the_disk_takes_its_batch_with_it_and_no_more(database: Database) -> None:
    used = database.read_now(lambda s: s.execute(text("PRAGMA page_count")).scalar_one())
    pragma = f"PRAGMA max_page_count = {used + 4}"
    database.write_now(lambda session: session.connection().exec_driver_sql(pragma).all())
    database.writer._window_s = 60.0  # however slow the machine is, it is one batch
    let_go = held(database)
    futures = [database.writer.submit(unit) for unit in (put(1), put(9, "y" * 1_000_000), put(2))]
    let_go()
    for future in futures[:2]:
        with pytest.raises(DatabaseFull):
            future.result(5)
    assert futures[2].result(5) == 2
    assert database.read_now(numbers) == [2]


def test_a_failing_disk_stops_the_writer_and_says_so(path: Path) -> None:
    told: list[BaseException] = []
    database = Database.open(path, on_fatal=told.append)

    def fail(_: Session) -> None:
        from sqlalchemy.exc import OperationalError

        error = sqlite.OperationalError("disk I/O error")
        error.sqlite_errorcode = 1034  # SQLITE_IOERR_FSYNC
        raise OperationalError("COMMIT", None, error)

    with pytest.raises(DatabaseUnavailable):
        database.write_now(fail)
    assert len(told) == 1
    with pytest.raises(DatabaseUnavailable):
        database.write_now(lambda _: None)
    assert not database.writer.is_alive
    database.close_now()


def test_what_waits_when_closing_is_finished_first(path: Path) -> None:
    database = Database.open(path)
    database.write_now(lambda session: session.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT)")))
    let_go = held(database)
    futures = [database.writer.submit(put(number)) for number in range(5)]
    closing = threading.Thread(target=database.close_now)
    closing.start()
    let_go()
    closing.join(60)
    assert [future.result(5) for future in futures] == list(range(5))
    with pytest.raises(DatabaseUnavailable):
        database.write_now(put(9))
    again = Database.open(path)
    assert again.read_now(numbers) == list(range(5))
    again.close_now()


def test_closing_leaves_no_log_to_recover(path: Path) -> None:
    Database.open(path).close_now()
    assert sorted(file.name for file in path.parent.iterdir()) == ["vigo.db", "vigo.db.lock"]


def test_a_second_server_on_the_same_directory_is_refused(path: Path) -> None:
    first = Database.open(path)
    code = (
        "import sys; from pathlib import Path; from api.storage.database import *\n"
        "try: Database.open(Path(sys.argv[1]))\n"
        "except DatabaseInUse as error: print(error.message)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": "."}
    )  # fmt: skip
    assert f"another server (process {os.getpid()}) has {path}" in done.stdout
    with pytest.raises(DatabaseInUse):
        Database.open(path)
    first.write_now(lambda session: session.execute(text("SELECT 1")).all())
    first.close_now()
    Database.open(path).close_now()


def test_the_files_are_for_the_server_alone(database: Database, path: Path) -> None:
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_pinned_settings_are_in_force_on_every_connection(database: Database) -> None:
    def settings(session: Session) -> dict[str, Any]:
        return {name: session.execute(text(f"PRAGMA {name}")).scalar_one() for name in PRAGMAS}

    assert database.write_now(settings) == PRAGMAS
    assert database.read_now(settings) == PRAGMAS
    assert database.write_now(lambda s: s.execute(text("PRAGMA wal_autocheckpoint")).scalar_one()) == 4000
    assert database.read_now(lambda s: s.execute(text("PRAGMA query_only")).scalar_one()) == 1


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False), ((3, 44, 5), False), ((3, 44, 6), True), ((3, 45, 0), False), ((3, 50, 6), False),
        ((3, 50, 7), True), ((3, 51, 2), False), ((3, 51, 3), True), ((3, 52, 0), False), ((3, 52, 1), True),
        ((3, 53, 4), True),
    ],
)  # fmt: skip
def test_a_sqlite_that_can_corrupt_is_refused(version: tuple[int, int, int], safe: bool) -> None:
    assert is_safe(version) is safe
    if safe:
        check_sqlite(version)
    else:
        with pytest.raises(UnsafeSqlite):
            check_sqlite(version)


def test_the_default_project_can_be_referred_to_and_no_other(database: Database) -> None:
    def head(project: str) -> Callable[[Session], object]:
        query = text("INSERT INTO audit_heads VALUES (:project, 0, '')")
        return lambda session: session.execute(query, {"project": project})

    database.write_now(head(DEFAULT_PROJECT))
    with pytest.raises(Exception, match="FOREIGN KEY"):
        database.write_now(head("nobody's"))

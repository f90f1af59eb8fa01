"""One server at a time has a database, and one that was replaced writes nothing any more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from api.storage.database import Database, DatabaseInUse
from tests.postgres import Postgres


def test_a_second_server_is_refused_until_the_first_has_ended(database_url: str | Path) -> None:
    first = Database.open(database_url)
    with pytest.raises(DatabaseInUse, match="another server"):
        Database.open(database_url)
    assert first.write_now(lambda session: session.scalar(text("SELECT 1"))) == 1
    first.close_now()
    Database.open(database_url).close_now()


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    """Where an empty database is that a server can be cut off from."""
    with postgres.database() as url:
        yield url


def test_a_server_whose_place_was_taken_while_it_was_cut_off_ends(url: str) -> None:
    fatal: list[BaseException] = []
    first = Database.open(url, on_fatal=fatal.append)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    second = Database.open(url)
    with pytest.raises(DatabaseInUse):
        first.write_now(lambda session: session.execute(text("UPDATE projects SET name = 'mine'")))
    assert [type(error) for error in fatal] == [DatabaseInUse]
    assert second.read_now(lambda session: session.scalar(text("SELECT name FROM projects"))) == "default"
    second.close_now()
    first.close_now()


def test_a_server_that_was_cut_off_and_not_replaced_goes_on(url: str) -> None:
    database = Database.open(url)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    assert database.write_now(lambda session: session.scalar(text("SELECT 1"))) == 1
    database.close_now()

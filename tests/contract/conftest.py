"""Both databases, empty or migrated, for the laws that hold on either."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.services.container import Services
from api.services.passwords import Passwords
from api.settings import Settings
from api.storage.database import Database
from tests.postgres import Postgres, running
from tests.server import fresh


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for the session."""
    with running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | Path]:
    """Where an empty database is, of each kind."""
    if request.param == "sqlite":
        yield tmp_path / "data" / "vigo.db"
    else:
        with request.getfixturevalue("postgres").database() as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An open database of each kind, as a first start leaves it."""
    if request.param == "sqlite":
        opened = fresh(tmp_path / "data" / "vigo.db")
        yield opened
        opened.close_now()
    else:
        with request.getfixturevalue("postgres").emptied() as url:
            opened = Database.open(url, readers=2)
            yield opened
            opened.close_now()


@pytest.fixture
def services(database: Database, tmp_path: Path) -> Services:
    """The container over either database, with quick passwords."""
    return Services(Settings(data_dir=tmp_path / "data"), database, passwords=Passwords(memory_kib=8, passes=1))

"""Migrations: what they make is what the models say, on both databases; and nothing is ever half done."""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import text

import api.storage
from api.storage import migrate
from api.storage.database import Database
from api.storage.migrate import SchemaTooNew
from api.storage.rows import Row
from schema.ids import DEFAULT_PROJECT

for module in pkgutil.iter_modules(api.storage.__path__, "api.storage."):
    importlib.import_module(module.name)

HEAD = migrate.KNOWN[-1]


def test_the_migrated_schema_is_the_models(database: Database) -> None:
    def compare(session) -> list[object]:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        return list(compare_metadata(context, Row.metadata))

    assert database.write_now(compare) == []


def test_every_table_but_projects_belongs_to_a_project() -> None:
    for name, table in Row.metadata.tables.items():
        if name != "projects":
            assert "project_id" in table.c, name
            assert not table.c.project_id.nullable, name


def test_there_is_one_head_and_one_line_of_migrations() -> None:
    scripts = ScriptDirectory.from_config(migrate.config())
    assert len(scripts.get_heads()) == 1
    assert all(not isinstance(script.down_revision, tuple) for script in scripts.walk_revisions())
    assert [script.revision for script in scripts.walk_revisions()][::-1] == migrate.KNOWN


def test_a_start_with_nothing_to_migrate_loads_neither_alembic_nor_the_other_database(tmp_path: Path) -> None:
    Database.open(tmp_path / "vigo.db").close_now()
    program = (
        "import sys; from pathlib import Path; import api.app; from api.storage.database import Database;"
        f"Database.open(Path({str(tmp_path / 'vigo.db')!r})).close_now();"
        "print([name for name in ('alembic', 'mako', 'psycopg', 'strawberry', 'weasyprint') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_the_default_project_is_there_from_the_start(database: Database) -> None:
    rows = database.read_now(lambda session: session.execute(text("SELECT id, name FROM projects")).all())
    assert [tuple(row) for row in rows] == [(DEFAULT_PROJECT, "default")]


def test_opening_again_changes_nothing(database_url: str | Path) -> None:
    def revision(database: Database) -> object:
        return database.read_now(lambda s: s.execute(text("SELECT version_num FROM alembic_version")).all())

    for _ in range(2):
        database = Database.open(database_url)
        assert revision(database) == [(HEAD,)]
        database.close_now()
    if isinstance(database_url, Path):
        assert not (database_url.parent / "backups").exists()


def test_a_later_schema_is_refused_and_left_alone(database_url: str | Path) -> None:
    database = Database.open(database_url)
    database.write_now(lambda session: session.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    database.close_now()
    with pytest.raises(SchemaTooNew, match="9999"):
        Database.open(database_url)
    with pytest.raises(SchemaTooNew):
        Database.open(database_url)


def test_an_existing_file_is_copied_whole_before_it_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "vigo.db"
    _at_first_revision(path)
    Database.open(path).close_now()
    copies = list((tmp_path / "backups").iterdir())
    if HEAD == "0001":
        assert copies == []
        return
    assert [copy.name for copy in copies] == ["vigo-0001.db"]
    assert copies[0].stat().st_mode & 0o777 == 0o600
    with sqlite.connect(copies[0]) as copy:
        assert copy.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)


_KILLED = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.engine import Engine
from api.storage.database import Database

left = int(sys.argv[2])

@event.listens_for(Engine, "before_cursor_execute")
def die(connection, cursor, statement, parameters, context, many):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

Database.open(Path(sys.argv[1])).close_now()
"""


@pytest.mark.parametrize("statement", [3, 14, 26])
def test_killed_at_a_statement_it_is_as_if_it_had_not_begun(tmp_path: Path, statement: int) -> None:
    path = tmp_path / "vigo.db"
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(path), str(statement)], timeout=60, env={**os.environ, "PYTHONPATH": "."}
    )
    assert done.returncode == -signal.SIGKILL
    with sqlite.connect(path) as left:
        assert left.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    database = Database.open(path)
    assert database.read_now(lambda s: s.execute(text("SELECT version_num FROM alembic_version")).all()) == [(HEAD,)]
    database.close_now()


def _at_first_revision(path: Path) -> None:
    from alembic import command

    from api.storage.engines import sqlite_engines

    writing, reading = sqlite_engines(path, 1)
    with writing.connect() as connection:
        command.upgrade(migrate.config(connection), "0001")
    writing.dispose()
    reading.dispose()

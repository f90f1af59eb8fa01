"""Migrations: bring a database to this program's schema, forward only, in one transaction.

An existing SQLite file that needs any is first copied whole to `backups/` beside it. A schema from a later program is
refused, never guessed at. Killed at any statement, it is as if it had not begun.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from schema.errors import Conflict

SCRIPTS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x7669676F  # "vigo": one migrating server at a time (PostgreSQL)


class SchemaTooNew(Conflict):
    """The database was migrated by a later version of this program."""

    code = "database.schema_too_new"


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration: no ini file, the scripts of this package."""
    made = Config()
    made.set_main_option("script_location", str(SCRIPTS))
    made.attributes["connection"] = connection
    return made


def upgrade(engine: Engine) -> str:
    """Bring the schema up to date; the revision it is at now.

    Raises:
        SchemaTooNew: it is ahead of this program.
    """
    scripts = ScriptDirectory.from_config(config())
    head = scripts.get_current_head()
    assert head is not None
    known = {script.revision for script in scripts.walk_revisions()}
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            connection.commit()
        try:
            current = _current(connection)
            if current is not None and current not in known:
                raise SchemaTooNew(
                    f"the database is at schema {current}, later than any this version knows (its own is {head}); "
                    "run the newer version, or restore the backup made before it migrated",
                    schema=current,
                    head=head,
                )
            if current != head:
                if current is not None and connection.dialect.name == "sqlite":
                    _back_up(connection, current)
                command.upgrade(config(connection), "head")
        finally:
            if connection.dialect.name == "postgresql":
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
                connection.commit()
    return head


def _current(connection: Connection) -> str | None:
    current = MigrationContext.configure(connection).get_current_revision()
    connection.rollback()
    return current


def _back_up(connection: Connection, revision: str) -> Path:
    """Copy the database, whole and consistent, to `backups/vigo-<revision>.db`, over an older copy of that name."""
    row = connection.exec_driver_sql("PRAGMA database_list").first()
    connection.rollback()
    assert row is not None
    path = Path(row[2])
    folder = path.parent / "backups"
    folder.mkdir(exist_ok=True, mode=0o700)
    target = folder / f"{path.stem}-{revision}.db"
    fresh = folder / f".{target.name}.new"
    fresh.unlink(missing_ok=True)
    # VACUUM runs in no transaction, so past SQLAlchemy, which would begin one.
    raw = connection.connection.driver_connection
    assert raw is not None
    raw.execute("VACUUM INTO ?", (str(fresh),))
    fresh.chmod(0o600)
    descriptor = os.open(fresh, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.replace(target)
    return target

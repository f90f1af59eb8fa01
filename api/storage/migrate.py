"""Migrations: bring a database to this program's schema, forward only, in one transaction.

An existing SQLite file that needs any is first copied whole to `backups/` beside it. A schema from a later program is
refused, never guessed at. Killed at any statement, it is as if it had not begun.

A script's file is named after its revision, so that a start that has nothing to migrate need not load Alembic.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Engine, inspect, text

from schema.errors import Conflict

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS: Final = Path(__file__).parent / "migrations"
KNOWN: Final = sorted(path.name.partition("_")[0] for path in (SCRIPTS / "versions").glob("[0-9]*_*.py"))
"""Every revision of the schema that this program has a script for, from the first to its own."""


class SchemaTooNew(Conflict):
    """The database was migrated by a later version of this program."""

    code = "database.schema_too_new"


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration: no ini file, the scripts of this package."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(SCRIPTS))
    made.attributes["connection"] = connection
    return made


def upgrade(engine: Engine) -> str:
    """Bring the schema up to date; the revision it is at now.

    Raises:
        SchemaTooNew: it is ahead of this program.
    """
    head = KNOWN[-1]
    with engine.connect() as connection:
        current = _current(connection)
        if current is not None and current not in KNOWN:
            raise SchemaTooNew(
                f"the database is at schema {current}, later than any this version knows (its own is {head}); "
                "run the newer version, or restore the backup made before it migrated",
                schema=current,
                head=head,
            )
        if current != head:
            if current is not None and connection.dialect.name == "sqlite":
                _back_up(connection, current)
            from alembic import command

            command.upgrade(config(connection), "head")
    return head


def _current(connection: Connection) -> str | None:
    kept = inspect(connection).has_table("alembic_version")
    current = connection.scalar(text("SELECT version_num FROM alembic_version")) if kept else None
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

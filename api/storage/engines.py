"""Engines: how a connection to either database is made, set up and read back.

SQLite is the one that `pysqlite3` carries, not the standard library's: versions 3.7.0 to 3.51.2 can corrupt a WAL
database when one connection checkpoints while another commits (https://sqlite.org/wal.html#walresetbug). One connection
writes and alone checkpoints; the others are opened `mode=ro`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import QueuePool

from schema.errors import Conflict, Fault, Unavailable

PRAGMAS: Final = {
    "journal_mode": "wal",
    "synchronous": 2,  # FULL: a commit is on disk before it is acknowledged
    "foreign_keys": 1,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "busy_timeout": 5000,
    "mmap_size": 0,  # a mapped file turns an I/O error into a signal
}
WRITER_PRAGMAS: Final = {
    **PRAGMAS,
    # A group of reports changes a thousand pages and more, of many hosts': with SQLite's own 2 MiB and 1000 pages they
    # are read again and copied into the file with each group.
    "cache_size": -16 * 1024,
    "wal_autocheckpoint": 4000,
}
READER_PRAGMAS: Final = {**PRAGMAS, "query_only": 1}
READ_TIMEOUT_S: Final = 30.0
_STEPS_BETWEEN_LOOKS: Final = 50_000

_PASSING: Final = {5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 26}
"""SQLite's primary codes for "not now": busy, locked, nomem, readonly, interrupt, ioerr, corrupt, full, cantopen ..."""
_SERVER_LOCK: Final = 0x7669676F  # "vigo": the server's that has the database (PostgreSQL)
_FULL: Final = 13
_IO_ERROR: Final = 10


class DatabaseUnavailable(Unavailable):
    """The database does not answer; what was asked has not happened. (Only when the connection to a PostgreSQL breaks
    in the middle of a commit can nobody say.)"""

    code = "database.unavailable"


class DatabaseFull(Unavailable):
    """No space left to write to; reading goes on, and writing does again as soon as there is space."""

    code, status = "database.full", 507


class DatabaseInUse(Conflict):
    """Another server has this database: there is one at a time, since two loops would push past each other."""

    code = "database.in_use"


class DatabaseConflict(Conflict):
    """Somebody else made the same thing at the same moment."""

    code = "database.conflict"


class UnsafeSqlite(Unavailable):
    """The SQLite library is one that can corrupt databases."""

    code = "database.unsafe_sqlite"


def is_safe(version: tuple[int, int, int]) -> bool:
    """Whether this SQLite is free of the WAL reset bug: 3.51.3 on, without 3.52.0, or a backport to 3.44 or 3.50."""
    if version[:2] == (3, 44):
        return version >= (3, 44, 6)
    if version[:2] == (3, 50):
        return version >= (3, 50, 7)
    return version >= (3, 51, 3) and version != (3, 52, 0)


def check_sqlite(version: tuple[int, int, int] = sqlite.sqlite_version_info) -> None:
    """Refuse a SQLite that can corrupt.

    Raises:
        UnsafeSqlite: it can.
    """
    if not is_safe(version):
        text = ".".join(map(str, version))
        raise UnsafeSqlite(f"SQLite {text} can corrupt a database in WAL mode; 3.51.3 or later is needed", version=text)


def sqlite_engines(path: Path, readers: int) -> tuple[Engine, Engine]:
    """The writing and the reading engine of a database file. The first makes the file."""
    check_sqlite()
    url = f"file:{quote(str(path.absolute()))}"
    return _sqlite(url, WRITER_PRAGMAS, begin="BEGIN IMMEDIATE", size=1), _sqlite(
        f"{url}?mode=ro", READER_PRAGMAS, begin="BEGIN", size=readers
    )


def postgres_engines(url: str, readers: int) -> tuple[Engine, Engine]:
    """The writing and the reading engine of a PostgreSQL database.

    The writer's connection holds an advisory lock for as long as it lives: two servers never write to one database, and
    one that was cut off writes nothing after another has taken its place. Connecting waits for it as long as a server
    that was killed takes to be forgotten, then raises `DatabaseInUse`.
    """
    from psycopg.errors import LockNotAvailable  # loaded where it is needed alone

    url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    limits = "-c statement_timeout=30s -c lock_timeout=10s -c timezone=UTC -c idle_in_transaction_session_timeout=60s"
    common: dict[str, Any] = {
        "hide_parameters": True,
        "max_overflow": 0,
        "pool_pre_ping": True,
        "poolclass": QueuePool,
        "pool_timeout": 10,
    }
    writing = create_engine(
        url,
        pool_size=1,
        isolation_level="READ COMMITTED",  # after the chain's lock is ours, its head must be the newest
        connect_args={"options": f"{limits} -c synchronous_commit=on", "connect_timeout": 10},
        **common,
    )
    reading = create_engine(
        url,
        pool_size=readers,
        isolation_level="REPEATABLE READ",  # a read sees one state, as on SQLite
        connect_args={"options": f"{limits} -c default_transaction_read_only=on", "connect_timeout": 10},
        **common,
    )

    @event.listens_for(writing, "connect")
    def hold(raw: Any, _record: Any) -> None:
        try:
            raw.execute("SET LOCAL lock_timeout = '3s'")
            raw.execute("SELECT pg_advisory_lock(%s)", (_SERVER_LOCK,))
            raw.commit()  # the lock is the session's, not the transaction's
        except LockNotAvailable as error:
            raw.close()
            raise DatabaseInUse("another server has this database; it is free when that one has ended") from error

    return writing, reading


def set_deadline(connection: Connection) -> None:
    """Give the reading that begins now `READ_TIMEOUT_S` on SQLite; PostgreSQL has its own setting."""
    if connection.dialect.name != "sqlite":
        return
    deadline = time.monotonic() + READ_TIMEOUT_S
    raw: Any = connection.connection.driver_connection
    raw.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)


def in_transaction(connection: Connection) -> bool:
    """Whether the database still holds the transaction: SQLite rolls all of it back by itself when a disk is full."""
    if connection.invalidated:
        return False
    raw: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        return bool(raw.in_transaction)
    return not raw.closed


def fault_of(error: DBAPIError) -> Fault | None:
    """What a database error means to a caller; None when it is a bug."""
    original: Any = error.orig
    psycopg = sys.modules.get("psycopg")  # not loaded, it has raised nothing
    if psycopg is not None and isinstance(original, psycopg.Error):
        if isinstance(original, psycopg.errors.DiskFull):
            return DatabaseFull("the database has no space left")
        if isinstance(original, psycopg.errors.UniqueViolation):
            return DatabaseConflict("this exists already")
        if isinstance(original, psycopg.OperationalError) or error.connection_invalidated:
            return DatabaseUnavailable("the database does not answer")
        return None
    code = int(getattr(original, "sqlite_errorcode", 0))
    if code & 0xFF == _FULL:
        return DatabaseFull("the disk of the database is full")
    if code & 0xFF in _PASSING:
        return DatabaseUnavailable("the database does not answer", cause=getattr(original, "sqlite_errorname", ""))
    if isinstance(error, IntegrityError) and str(original).startswith("UNIQUE"):  # the driver gives no extended codes
        return DatabaseConflict("this exists already")
    return None


def is_fatal(error: Exception) -> bool:
    """Whether the process must end: another server has taken its place, or the disk failed under the writer, perhaps in
    fsync, so that nobody can say what is on it until the next one has recovered. (A full disk is not this.)"""
    if isinstance(error, DatabaseInUse):
        return True
    if not isinstance(error, DBAPIError):
        return False
    return int(getattr(error.orig, "sqlite_errorcode", 0)) & 0xFF == _IO_ERROR


def _sqlite(url: str, pragmas: dict[str, Any], *, begin: str, size: int) -> Engine:
    def connect() -> Any:
        return sqlite.connect(url, uri=True, check_same_thread=False, isolation_level=None, cached_statements=512)

    engine = create_engine(
        "sqlite://",
        module=sqlite,
        creator=connect,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        hide_parameters=True,  # an error's text goes to logs, and parameters hold secrets
    )

    @event.listens_for(engine, "connect")
    def set_up(raw: Any, _record: Any) -> None:
        for name, value in pragmas.items():
            raw.execute(f"PRAGMA {name} = {value}")
        for name, value in pragmas.items():
            (got,) = raw.execute(f"PRAGMA {name}").fetchone()
            if got != value:
                raise UnsafeSqlite(f"SQLite keeps {name} = {got!r}; {value!r} is needed", pragma=name)

    # The driver would begin by itself, late and deferred, and could then fail to upgrade to a writer.
    @event.listens_for(engine, "begin")
    def begin_now(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine

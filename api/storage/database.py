"""The database: open it, run units of work, close it. SQLite in a file or PostgreSQL by URL, one interface.

    db = Database.open(data_dir / "vigo.db")                 # migrates, backs up first; one server to a data directory
    user = await db.write(lambda session: users.add(session, ...))   # returns after the commit is on disk
    user = await db.read(lambda session: users.find(session, ...))   # a read-only connection, in a thread
    await db.close()

Faces and services do not call this themselves but through `api/services/work.py`, which adds actor, clock and audit.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Literal, Self, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from api.storage import migrate
from api.storage import projects as projects  # every table refers to it, whether or not a migration has loaded it
from api.storage.engines import (
    DatabaseInUse,
    DatabaseUnavailable,
    fault_of,
    postgres_engines,
    set_deadline,
    sqlite_engines,
)
from api.storage.writer import Writer
from schema.errors import Exhausted, Invalid

T = TypeVar("T")


class BadUrl(Invalid):
    """Not the URL of a database this server can use."""

    code = "database.bad_url"


class ReadersBusy(Exhausted):
    """More reads wait than may."""

    code = "database.busy"


class Database:
    """One open database. Make it with `open`."""

    def __init__(
        self, writing: Engine, reading: Engine, *, readers: int, depth: int, on_fatal: Callable[[BaseException], None]
    ) -> None:
        self.kind: Literal["sqlite", "postgresql"] = "sqlite" if writing.dialect.name == "sqlite" else "postgresql"
        self._writing = writing
        self._reading = reading
        self._lock: int | None = None
        self.writer = Writer(writing, depth=depth, on_fatal=on_fatal)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="vigo-reader")
        self._room = threading.BoundedSemaphore(depth + readers)

    @classmethod
    def open(
        cls,
        where: Path | str,
        *,
        readers: int = 4,
        depth: int = 1_000,
        on_fatal: Callable[[BaseException], None] = lambda _: None,
    ) -> Self:
        """Open a database file or a `postgresql://` URL, and bring its schema to this program's.

        Args:
            readers: connections that read at the same time.
            depth: units of work, and reads, that may wait.
            on_fatal: called when nothing can be written any more (see `is_fatal`); the process should end.

        Raises:
            BadUrl: of another kind of database.
            DatabaseInUse: another server has it.
            SchemaTooNew: a later version of this program has migrated it.
            UnsafeSqlite: the SQLite library is known to corrupt.
        """
        lock: int | None = None
        if isinstance(where, str) and where.startswith(("postgresql://", "postgres://")):
            writing, reading = postgres_engines(where.replace("postgres://", "postgresql://", 1), readers)
        elif isinstance(where, str) and "://" in where:
            raise BadUrl("a database is a file, or a postgresql:// URL")
        else:
            path = Path(where)
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = _lock(path)
            writing, reading = sqlite_engines(path, readers)
        try:
            migrate.upgrade(writing)
            database = cls(writing, reading, readers=readers, depth=depth, on_fatal=on_fatal)
        except BaseException as error:
            writing.dispose()
            reading.dispose()
            if lock is not None:
                os.close(lock)
            if isinstance(error, DBAPIError) and (fault := fault_of(error)) is not None:
                raise fault from error
            raise
        database._lock = lock
        return database

    async def write(self, unit: Callable[[Session], T]) -> T:
        """Run a unit of work in the writer's thread; return when it is committed.

        Raises:
            WriterBusy, DatabaseFull, DatabaseUnavailable: it has not happened. And whatever `unit` raises.
        """
        return await asyncio.wrap_future(self.writer.submit(unit))

    async def read(self, query: Callable[[Session], T]) -> T:
        """Run a query on a read-only connection, in a thread; it sees one state of the database.

        Raises:
            ReadersBusy, DatabaseUnavailable: too many wait, or no answer. And whatever `query` raises.
        """
        return await asyncio.wrap_future(self._submit_read(query))

    def write_now(self, unit: Callable[[Session], T]) -> T:
        """`write`, for callers without an event loop."""
        return self.writer.submit(unit).result()

    def read_now(self, query: Callable[[Session], T]) -> T:
        """`read`, for callers without an event loop."""
        return self._submit_read(query).result()

    async def close(self) -> None:
        """Finish what waits and close; the next to open finds nothing to recover."""
        await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """`close`, for callers without an event loop."""
        self.writer.close()
        self._readers.shutdown()
        self._reading.dispose()
        self._writing.dispose()  # last: it checkpoints
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _submit_read(self, query: Callable[[Session], T]) -> Future[T]:
        if not self._room.acquire(blocking=False):
            raise ReadersBusy("too many reads wait already", retry_after_s=1.0)
        try:
            future = self._readers.submit(self._read, query)
        except RuntimeError as error:
            self._room.release()
            raise DatabaseUnavailable("the database is closed") from error
        future.add_done_callback(lambda _: self._room.release())
        return future

    def _read(self, query: Callable[[Session], T]) -> T:
        try:
            with Session(self._reading) as session:
                set_deadline(session.connection())
                return query(session)
        except DBAPIError as error:
            fault = fault_of(error)
            if fault is None:
                raise
            raise fault from error


def _lock(path: Path) -> int:
    """Hold the lock file beside the database for as long as the process lives; the kernel frees it however it dies."""
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise DatabaseInUse(f"another server (process {holder or '?'}) has {path}", path=str(path)) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return descriptor

"""The one writer: a thread, a connection, and many units of work to a commit.

Each unit runs under its own savepoint, so one that fails rolls back alone. Units that wait while others run share the
next commit, and all are acknowledged only after it: one fsync serves many. Nothing is awaited in here.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlmodel import Session

from api.storage.engines import DatabaseUnavailable, fault_of, in_transaction, is_fatal
from schema.errors import Exhausted

T = TypeVar("T")

BATCH_UNITS: Final = 256
BATCH_S: Final = 0.005
MAX_BATCH_S: Final = 0.05
"""A batch takes up to 5 ms, or twice what the last commit took where the disk is slower than that."""

Job = tuple[Callable[[Session], Any], "Future[Any]"]


class WriterBusy(Exhausted):
    """More units of work wait than may."""

    code = "database.busy"


class UnitSession(Session):
    """The session of one unit of work: it may flush, never commit, since the unit ends when its function returns."""

    def commit(self) -> None:
        """Refused.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("a unit of work is committed by the database when its function returns")

    def _release(self) -> None:
        super().commit()


class Writer:
    """Runs units of work, one after the other, in a thread of its own.

    Args:
        engine: has one connection.
        depth: units that may wait.
        on_fatal: called once, in the writer's thread, at an error that `is_fatal`; nothing is written after.
    """

    def __init__(self, engine: Engine, *, depth: int, on_fatal: Callable[[BaseException], None]) -> None:
        self._engine = engine
        self._queue: queue.Queue[Job | None] = queue.Queue(depth)
        self._on_fatal = on_fatal
        self._failed: Exception | None = None
        self._closed = threading.Event()
        self._window_s = BATCH_S
        self.commits = 0
        self.units = 0
        self._thread = threading.Thread(target=self._run, name="vigo-writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Units that wait now."""
        return self._queue.qsize()

    @property
    def is_alive(self) -> bool:
        """Whether it takes units."""
        return self._failed is None and not self._closed.is_set() and self._thread.is_alive()

    def submit(self, unit: Callable[[Session], T]) -> Future[T]:
        """Queue a unit of work. The future is done when the unit is committed, or has failed and left nothing.

        Raises:
            WriterBusy: too many wait already.
            DatabaseUnavailable: the writer has stopped.
        """
        if self._failed is not None or self._closed.is_set():
            raise DatabaseUnavailable("the database takes no more writes")
        future: Future[T] = Future()
        try:
            self._queue.put_nowait((unit, future))
        except queue.Full as error:
            raise WriterBusy("too many writes wait already", retry_after_s=1.0) from error
        return future

    def close(self) -> None:
        """Finish what waits, then stop."""
        if not self._closed.is_set():
            self._closed.set()
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            if not self._batch(job):
                break
        while not self._queue.empty():
            late = self._queue.get()
            if late is not None and late[1].set_running_or_notify_cancel():
                late[1].set_exception(DatabaseUnavailable("the server is stopping"))

    def _batch(self, job: Job) -> bool:
        """Run this unit and those that wait behind it, commit once, acknowledge all. False when told to stop."""
        ran: list[tuple[Future[Any], Any, Exception | None]] = []
        lost: Exception | None = None
        following: Job | None = job
        try:
            with self._engine.connect() as connection:
                connection.begin()
                until = time.monotonic() + self._window_s
                while following is not None:
                    unit, future = following
                    if future.set_running_or_notify_cancel():
                        result, error = _run_unit(connection, unit)
                        ran.append((future, result, error))
                        if not in_transaction(connection):
                            # All of it is gone, so its earlier units may not be acknowledged either.
                            lost = error or DatabaseUnavailable("the transaction was lost")
                            break
                    if len(ran) >= BATCH_UNITS or time.monotonic() > until or self._queue.empty():
                        break
                    following = self._queue.get()
                if lost is None:
                    begun = time.monotonic()
                    connection.commit()
                    self._window_s = min(max(BATCH_S, 2 * (time.monotonic() - begun)), MAX_BATCH_S)
                    self.commits += 1
                    self.units += len(ran)
        except Exception as error:  # noqa: BLE001 - the writer outlives every unit; each caller gets the error
            lost = lost or error
            if not ran and job[1].set_running_or_notify_cancel():
                ran.append((job[1], None, None))  # not even a connection
        if lost is not None:
            lost = self._judge(lost)
        for future, result, failure in ran:
            reason = lost or (failure and self._judge(failure))
            if reason is not None:
                future.set_exception(reason)
            else:
                future.set_result(result)
        return following is not None and self._failed is None

    def _judge(self, error: Exception) -> Exception:
        """What the caller is told of an error; one that is fatal stops the writer."""
        if is_fatal(error) and self._failed is None:
            self._failed = error
            self._on_fatal(error)
        if not isinstance(error, DBAPIError):
            return error
        fault = fault_of(error)
        if fault is None:
            return error
        fault.__cause__ = error
        return fault


def _run_unit(connection: Connection, unit: Callable[[Session], Any]) -> tuple[Any, Exception | None]:
    session = UnitSession(bind=connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
    try:
        result = unit(session)
        session._release()  # noqa: SLF001 - ours, a few lines up
    except Exception as error:  # noqa: BLE001 - handed to the caller whose unit it was
        # A savepoint that is gone went with the whole transaction: the batch sees it, and the first error says why.
        with suppress(SQLAlchemyError):
            session.rollback()
        return None, error
    finally:
        with suppress(SQLAlchemyError):
            session.close()
    return result, None

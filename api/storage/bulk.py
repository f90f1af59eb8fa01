"""Many rows in one statement, past SQLAlchemy's expressions: for the few paths that every agent takes all day long.

Statements are written once, with SQLite's `?`; rows are tuples in the statement's order. What the driver is called for
row by row costs SQLite's one thread the interpreter's lock each time, and PostgreSQL a message: so rows go in one call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

MOST: Final = 512
"""Keys asked for, or rows inserted, in one statement. SQLite takes 32,766 values in one."""
_ARRAYS: Final = {str: "text", int: "bigint"}


def insert(session: Session, table: sa.Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows that give these columns; one that is there already, or is not allowed, is an error for all."""
    connection = session.connection()
    names = f"{table.name} ({', '.join(columns)})"
    if connection.dialect.name != "sqlite":
        _copy(connection, names, [_type(connection, table.c[name]) for name in columns], rows)
        return
    place = f"({', '.join('?' * len(columns))})"
    for some in _powers(rows):
        statement = f"INSERT INTO {names} VALUES {', '.join([place] * len(some))}"  # noqa: S608 - our own names
        connection.exec_driver_sql(statement, tuple(value for row in some for value in row))


def execute(session: Session, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run a statement for each of these rows; with none, do nothing."""
    if rows:
        connection = session.connection()
        connection.exec_driver_sql(_spelled(connection.dialect.name, statement), list(rows))


def among(session: Session, statement: str, keys: Sequence[tuple[Any, ...]], *more: Any) -> list[tuple[Any, ...]]:
    """What a statement finds for these keys, all of one width and of texts and whole numbers.

    Args:
        statement: what follows `WITH asked(a, b, ...) AS (...)`: a query that begins with `asked`, of which a row may
            come more than once, or a deletion or an update.
        more: values of the statement's own, after the keys.
    """
    connection = session.connection()
    found: list[tuple[Any, ...]] = []
    for start in range(0, len(keys), MOST):
        some = keys[start : start + MOST]
        width = len(some[0])
        names = ", ".join("abcdef"[:width])
        values: tuple[Any, ...]
        if connection.dialect.name == "sqlite":
            # Of a few sizes only, so that the database knows the statement again.
            size = 1 << (len(some) - 1).bit_length()
            place = f"({', '.join('?' * width)})"
            asked = f"VALUES {', '.join([place] * size)}"
            values = tuple(value for key in [*some, *[some[-1]] * (size - len(some))] for value in key)
        else:
            arrays = ", ".join(f"?::{_ARRAYS[type(value)]}[]" for value in some[0])
            asked = f"SELECT * FROM unnest({arrays})"  # noqa: S608 - no value is in it
            values = tuple(map(list, zip(*some, strict=True)))
        whole = f"WITH asked({names}) AS ({asked}) {statement}"
        cursor: Any = connection.exec_driver_sql(_spelled(connection.dialect.name, whole), values + more).cursor
        if cursor is not None:  # it gives rows
            found += cursor.fetchall()
    return found


def _powers(rows: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    """All rows in stretches of a few sizes, so that SQLite knows the statements again."""
    start = 0
    while start < len(rows):
        size = min(MOST, 1 << (len(rows) - start).bit_length() - 1)
        yield rows[start : start + size]
        start += size


def _copy(connection: sa.Connection, into: str, types: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """PostgreSQL's COPY: a sixth of what a row costs in a statement of its own, here and there."""
    import psycopg  # not loaded by a server with a SQLite

    raw: Any = connection.connection.driver_connection
    try:
        with raw.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        # What SQLAlchemy makes of an error of the driver: whoever reads it need not know how the rows went.
        raise DBAPIError.instance(
            f"COPY {into}", None, error, psycopg.Error, hide_parameters=True, connection_invalidated=raw.closed
        ) from error


def _type(connection: sa.Connection, column: sa.Column[Any]) -> str:
    return column.type.compile(connection.dialect).partition("(")[0].lower()


def _spelled(dialect: str, statement: str) -> str:
    return statement if dialect == "sqlite" else statement.replace("?", "%s")

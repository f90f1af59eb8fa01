"""Many rows in one statement, past SQLAlchemy's expressions: for the few paths that every agent takes all day long.

Statements are written once, with SQLite's `?`; rows are tuples in the statement's order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlmodel import Session

MOST: Final = 512
"""Keys asked for in one statement."""


def execute(session: Session, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run a statement for each of these rows; with none, do nothing."""
    if rows:
        connection = session.connection()
        connection.exec_driver_sql(_spelled(connection.dialect.name, statement), list(rows))


def among(session: Session, statement: str, keys: Sequence[tuple[Any, ...]], *more: Any) -> list[tuple[Any, ...]]:
    """What a query finds for these keys, all of one width.

    Args:
        statement: what follows `WITH asked(a, b, ...) AS (VALUES ...)`: a query that begins with `asked`. A row may
            come more than once.
        more: values of the query's own, after the keys.
    """
    connection = session.connection()
    found: list[tuple[Any, ...]] = []
    for start in range(0, len(keys), MOST):
        some = keys[start : start + MOST]
        # Of a few sizes only, so that the database knows the statement again.
        size = 1 << (len(some) - 1).bit_length()
        width = len(some[0])
        names = ", ".join("abcdef"[:width])
        places = ", ".join([f"({', '.join('?' * width)})"] * size)
        values = tuple(value for key in [*some, *[some[-1]] * (size - len(some))] for value in key)
        whole = f"WITH asked({names}) AS (VALUES {places}) {statement}"
        result = connection.exec_driver_sql(_spelled(connection.dialect.name, whole), values + more)
        found += [tuple(row) for row in result]
    return found


def _spelled(dialect: str, statement: str) -> str:
    return statement if dialect == "sqlite" else statement.replace("?", "%s")

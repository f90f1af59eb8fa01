"""What all tables share: one metadata with fixed constraint names, and the column types both databases agree on.

A table is `class ThingRow(ProjectRow, table=True)` in `api/storage/<area>.py`. Times are `micros()` columns (SQLModel's
own `int` is 32 bits on PostgreSQL), documents are `document()` columns. Repositories are modules' functions:

    def find(session: Session, project_id: str, thing_id: str) -> Thing | None:
        row = session.exec(select(ThingRow).where(ThingRow.project_id == project_id, ThingRow.id == thing_id)).first()
        return None if row is None else _model(row)
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, LargeBinary, MetaData, Text
from sqlmodel import Field, SQLModel

MAX_PAGE: Final = 1_000
"""No list of a repository is longer than this."""


class Row(SQLModel):
    """Base of all tables. Constraints are named by rule, so that a migration can name them too."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class ProjectRow(Row):
    """Base of every table but `projects`: a row belongs to one project, the isolation boundary."""

    project_id: str = Field(foreign_key="projects.id", max_length=36, nullable=False)


def micros(*, nullable: bool = False, **options: Any) -> Any:
    """A column of UTC microseconds."""
    return Field(sa_type=BigInteger, nullable=nullable, **options)


def big(**options: Any) -> Any:
    """A 64-bit integer column: sequences, sizes."""
    return Field(sa_type=BigInteger, **options)


def text(**options: Any) -> Any:
    """A text column of any length; JSON documents are kept as text, byte for byte as written."""
    return Field(sa_type=Text, **options)


def blob(**options: Any) -> Any:
    """A bytes column."""
    return Field(sa_type=LargeBinary, **options)

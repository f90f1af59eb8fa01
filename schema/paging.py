"""Paging by number, as the console's documents have it. Everything else here pages by cursor."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

MAX_PAGE_NUMBER: Final = 10_000


class Pagination(BaseModel):
    """Where a page stands among all."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True)

    page: int
    """Number of this page, counted from 1."""
    limit: int
    """Items of a page."""
    total: int
    """Items of all pages."""
    total_pages: int
    """Pages in all."""

    @classmethod
    def of(cls, page: int, limit: int, total: int) -> Pagination:
        """The page of this number among so many items."""
        return cls(page=page, limit=limit, total=total, total_pages=-(-total // limit))
